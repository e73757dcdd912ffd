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
execute_process(COMMAND git -C "${SOURCE}" log -1 --format=%cs
  OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT date)
  string(TIMESTAMP date "%Y-%m-%d" UTC)  # of SOURCE_DATE_EPOCH, if that is set
endif()
string(REGEX REPLACE "([^=,]+)=([^,]*),?" " \\\\\n  {\"\\1\", \"\\2\"}," libraries "${LIBRARIES}")
file(CONFIGURE OUTPUT "${OUT}" @ONLY NEWLINE_STYLE UNIX CONTENT [[
#define USAGE_INGEST_VERSION "@VERSION@"
#define USAGE_INGEST_COMMIT "@commit@"
#define USAGE_INGEST_DATE "@date@"
#define USAGE_INGEST_LIBRARIES @libraries@

]])
