# cmake -DOUT=<version_data.h> -DSOURCE=<dir> -DVERSION=<x.y.z> -DLIBRARIES=<name=version,...>
#       -P version.cmake
# Runs at every build and writes OUT only when it changes. USAGE_INGEST_COMMIT in the environment (a
# package is built without a checkout) wins over git.
set(commit "$ENV{USAGE_INGEST_COMMIT}")
if(NOT commit)
  execute_process(COMMAND git -C "${SOURCE}" rev-parse --short=12 HEAD
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
if(NOT commit MATCHES "^[0-9A-Za-z._-]+$")
  set(commit unknown)
endif()
string(REGEX REPLACE "([^=,]+)=([^,]*),?" " \\\\\n  {\"\\1\", \"\\2\"}," libraries "${LIBRARIES}")
file(CONFIGURE OUTPUT "${OUT}" @ONLY NEWLINE_STYLE UNIX CONTENT [[
#define USAGE_INGEST_VERSION "@VERSION@"
#define USAGE_INGEST_COMMIT "@commit@"
#define USAGE_INGEST_LIBRARIES @libraries@

]])
