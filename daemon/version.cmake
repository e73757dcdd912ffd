# cmake -DIN=version.cc.in -DOUT=version.cc -DSOURCE=<dir> -DVERSION=… -P version.cmake, at every
# build: writes OUT when it changes. USAGE_INGEST_COMMIT in the environment (a package's build, which
# has no checkout) wins over git.
set(COMMIT "$ENV{USAGE_INGEST_COMMIT}")
if(NOT COMMIT)
  execute_process(COMMAND git -C "${SOURCE}" rev-parse --short=12 HEAD
    OUTPUT_VARIABLE COMMIT OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT COMMIT MATCHES "^[0-9A-Za-z._-]+$")
  set(COMMIT unknown)
endif()
configure_file("${IN}" "${OUT}" @ONLY)
