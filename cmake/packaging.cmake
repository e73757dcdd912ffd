# What `cmake --install` and `cpack -G DEB` put where. Included by systemd/CMakeLists.txt.
#
# The package neither enables nor starts the daemon: it needs a configuration and a migrated
# database first (docs/operations.md). tools/package-test installs, upgrades and purges it.
set(USAGE_INGEST_MAINTAINER "usage-ingestd developers <usage-ingestd@example.org>"
  CACHE STRING "Maintainer field of the Debian package: who builds it answers for it")
set(top ${PROJECT_SOURCE_DIR})
set(doc_dir share/doc/usage-ingestd)

if(TARGET usage-ingestd)
  install(TARGETS usage-ingestd RUNTIME DESTINATION bin)
  # Addresses of library functions are fixed at start and then read-only.
  target_link_options(usage-ingestd PRIVATE -Wl,-z,relro -Wl,-z,now)
endif()
# Absolute: /etc is, and the folder of units is /lib/systemd/system on Debian 12, /usr/lib/... on 13.
pkg_get_variable(systemd_units systemd systemdsystemunitdir)
install(FILES ${top}/systemd/usage-ingestd.service ${top}/systemd/usage-ingestd-retain.service
  ${top}/systemd/usage-ingestd-retain.timer ${top}/systemd/usage-ingestd-index.service
  ${top}/systemd/usage-ingestd-index.timer DESTINATION ${systemd_units})
install(FILES ${top}/systemd/usage-ingestd.toml DESTINATION /etc/usage-ingestd)
install(FILES ${top}/systemd/usage-ingestd.sysusers DESTINATION lib/sysusers.d RENAME usage-ingestd.conf)
install(FILES ${top}/systemd/usage-ingestd.tmpfiles DESTINATION lib/tmpfiles.d RENAME usage-ingestd.conf)
install(FILES ${top}/contrib/litellm/usage_kafka_logger.py ${top}/contrib/litellm/usage_gate.py
  DESTINATION share/usage-ingestd/litellm)
install(FILES ${top}/monitoring/alerts.yaml ${top}/monitoring/grafana-dashboard.json
  DESTINATION share/usage-ingestd/monitoring)
install(FILES ${top}/contrib/litellm/README.md DESTINATION ${doc_dir} RENAME litellm.md)
install(FILES ${top}/monitoring/README.md DESTINATION ${doc_dir} RENAME monitoring.md)
install(DIRECTORY ${top}/docs/ DESTINATION ${doc_dir} FILES_MATCHING PATTERN "*.md" PATTERN images EXCLUDE)

# Debian's own files: machine-readable copyright and changelog (compressed, no time stamp, so that
# two builds of one commit are the same).
set(debian_dir ${PROJECT_BINARY_DIR}/debian)
set(changelog "usage-ingestd (${PROJECT_VERSION}-1) unstable; urgency=medium\n\n  * See CHANGELOG.md of the sources.\n\n -- ${USAGE_INGEST_MAINTAINER}  Thu, 01 Jan 2026 00:00:00 +0000\n")
file(WRITE ${debian_dir}/changelog.Debian "${changelog}")
find_program(GZIP gzip REQUIRED)
execute_process(COMMAND ${GZIP} -9nkf ${debian_dir}/changelog.Debian COMMAND_ERROR_IS_FATAL ANY)
install(FILES ${debian_dir}/changelog.Debian.gz DESTINATION ${doc_dir})
install(FILES ${top}/systemd/debian/copyright DESTINATION ${doc_dir})
# Linked statically (cmake/dependencies.cmake), so its licences come along.
if(EXISTS ${librdkafka_dir}/LICENSES.txt)
  install(FILES ${librdkafka_dir}/LICENSES.txt DESTINATION ${doc_dir} RENAME librdkafka-LICENSES.txt)
endif()
install(FILES ${top}/systemd/debian/lintian-overrides DESTINATION share/lintian/overrides
  RENAME usage-ingestd)

# The manual page and the shell completions, made by the program from its own definitions.
if(TARGET usage-ingestd)
  set(manual ${PROJECT_BINARY_DIR}/manual)
  add_custom_command(
    OUTPUT ${manual}/usage-ingestd.8.gz ${manual}/completion.bash ${manual}/completion.zsh
      ${manual}/completion.fish
    COMMAND ${CMAKE_COMMAND} -E make_directory ${manual}
    COMMAND usage-ingestd man > ${manual}/usage-ingestd.8
    COMMAND ${GZIP} -9nkf ${manual}/usage-ingestd.8
    COMMAND usage-ingestd completion bash > ${manual}/completion.bash
    COMMAND usage-ingestd completion zsh > ${manual}/completion.zsh
    COMMAND usage-ingestd completion fish > ${manual}/completion.fish
    DEPENDS usage-ingestd
    COMMENT "Making the manual page and the shell completions")
  add_custom_target(usage_ingest_manual ALL DEPENDS ${manual}/usage-ingestd.8.gz)
  install(FILES ${manual}/usage-ingestd.8.gz DESTINATION share/man/man8)
  install(FILES ${manual}/completion.bash DESTINATION share/bash-completion/completions
    RENAME usage-ingestd)
  install(FILES ${manual}/completion.zsh DESTINATION share/zsh/vendor-completions
    RENAME _usage-ingestd)
  install(FILES ${manual}/completion.fish DESTINATION share/fish/vendor_completions.d
    RENAME usage-ingestd.fish)
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME usage-ingestd)
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "${USAGE_INGEST_MAINTAINER}")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "ingest LiteLLM usage events from Kafka into PostgreSQL")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION [[
usage-ingestd reads the requests that a LiteLLM proxy reports to Apache Kafka
and keeps the usage tables of LiteMaaS in PostgreSQL exact: logs, summaries by
hour, day and month, and the quotas of subscriptions. Every event counts once,
whatever crashes, because the offsets are committed with the rows.]])
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SECTION database)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "init-system-helpers (>= 1.52), procps, systemd (>= 252)")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "postgresql, prometheus")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${top}/systemd/debian/conffiles
  ${top}/systemd/debian/postinst ${top}/systemd/debian/prerm ${top}/systemd/debian/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_SET_DESTDIR ON)  # /etc and /lib are absolute
set(CPACK_INSTALL_PREFIX /usr)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
include(CPack)
