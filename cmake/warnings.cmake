# Warnings and sanitizers are INTERFACE targets, so that no preset can switch them off by accident
# (a CMAKE_CXX_FLAGS override would).
option(USAGE_INGEST_WERROR "treat warnings as errors" ON)
set(USAGE_INGEST_SANITIZE "" CACHE STRING "sanitizers, e.g. address,undefined or thread")

add_library(usage_ingest_warnings INTERFACE)
target_compile_options(usage_ingest_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wold-style-cast
  -Wnon-virtual-dtor -Woverloaded-virtual -Wdouble-promotion -Wformat=2
  -Wimplicit-fallthrough -Wcast-align -Wswitch-enum
  $<$<CXX_COMPILER_ID:GNU>:-Wduplicated-cond -Wduplicated-branches -Wlogical-op>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  $<$<BOOL:${USAGE_INGEST_WERROR}>:-Werror>)

add_library(usage_ingest_sanitize INTERFACE)
if(USAGE_INGEST_SANITIZE)
  target_compile_options(usage_ingest_sanitize INTERFACE
    -fsanitize=${USAGE_INGEST_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(usage_ingest_sanitize INTERFACE -fsanitize=${USAGE_INGEST_SANITIZE})
endif()
# GCC's TSan ignores fences and says so (-Wtsan). Boost.Asio and concurrentqueue have some beside
# their acquire and release operations; the tests are clean under TSan without them.
if(USAGE_INGEST_SANITIZE STREQUAL "thread")
  target_compile_options(usage_ingest_sanitize INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
endif()
