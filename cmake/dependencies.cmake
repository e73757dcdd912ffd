# Everything comes from Debian packages (tools/packages.txt); nothing is downloaded or vendored. One
# library is too old in Debian 12: tools/setup builds librdkafka from Debian 13's source package.
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
# What is older cannot log in to Kafka 4 by SCRAM, and does not end after a topic was deleted
# (ARCHITECTURE.md, decision of 2026-11-28). What tools/setup built is preferred. It is looked up at
# each configure, since tools/setup may have built it after the last one.
set(librdkafka_dir ${PROJECT_SOURCE_DIR}/build/deps/librdkafka)
set(ENV{PKG_CONFIG_PATH} "${librdkafka_dir}/lib/pkgconfig:$ENV{PKG_CONFIG_PATH}")
unset(__pkg_config_checked_rdkafka CACHE)
unset(pkgcfg_lib_rdkafka_rdkafka CACHE)
pkg_check_modules(rdkafka IMPORTED_TARGET rdkafka>=2.8)
if(NOT rdkafka_FOUND)
  message(FATAL_ERROR "librdkafka 2.8 or newer is not installed: run tools/setup build")
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
