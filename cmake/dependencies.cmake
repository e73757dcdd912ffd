# Everything comes from Debian packages (tools/packages.txt); nothing is downloaded or vendored. One
# library is our build of Debian's source package: librdkafka, with tools/librdkafka.patch.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(simdjson REQUIRED)
find_package(prometheus-cpp REQUIRED COMPONENTS core)
find_package(CLI11 REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
# What is older cannot log in to Kafka 4 by SCRAM, and does not end after a topic was deleted; without
# the patch one record can take any amount of memory (ARCHITECTURE.md, decisions of 2026-11-28). It is
# looked up at each configure, since tools/setup may have built it after the last one.
set(librdkafka_dir ${PROJECT_SOURCE_DIR}/build/deps/librdkafka)
set(ENV{PKG_CONFIG_PATH} "${librdkafka_dir}/lib/pkgconfig:$ENV{PKG_CONFIG_PATH}")
unset(__pkg_config_checked_rdkafka CACHE)
unset(pkgcfg_lib_rdkafka_rdkafka CACHE)
pkg_check_modules(rdkafka IMPORTED_TARGET rdkafka>=2.8)
pkg_get_variable(rdkafka_bounds_memory rdkafka bounds_memory)
if(NOT rdkafka_FOUND OR NOT rdkafka_bounds_memory)
  message(FATAL_ERROR "librdkafka 2.8 with tools/librdkafka.patch is not there: run tools/setup build")
endif()
pkg_check_modules(libpq REQUIRED IMPORTED_TARGET libpq)
pkg_check_modules(libsystemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(systemd REQUIRED systemd)
pkg_check_modules(tomlplusplus REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(xxhash REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(zstd REQUIRED IMPORTED_TARGET libzstd)
# Debian 12 has it in concurrentqueue/, Debian 13 one folder deeper.
find_path(CONCURRENTQUEUE_HEADER_DIR concurrentqueue.h
  PATH_SUFFIXES concurrentqueue concurrentqueue/moodycamel REQUIRED)
add_library(usage_ingest_concurrentqueue INTERFACE)
target_include_directories(usage_ingest_concurrentqueue SYSTEM INTERFACE
  ${CONCURRENTQUEUE_HEADER_DIR})

if(BUILD_TESTING)
  find_package(GTest REQUIRED)
endif()
find_package(benchmark QUIET)
