#pragma once
// PackagedFiles: gives a command in a shell the credentials that systemd gives the daemon.
//
// The package keeps passwords beside the configuration, readable by root only. The unit passes them
// to the daemon; a command that root starts reads the same files.
//
// Thread-safety before the first thread: it changes the environment of the process.
// Errors        none: a file that cannot be read is not used.
// Source        systemd.exec(5), EnvironmentFile=; PostgreSQL 15 manual, 34.17 "The Connection
//               Service File".
#include <filesystem>
#include <string_view>

#include "daemon/config/config_load.h"

namespace usage_ingest::config {

// systemd/usage-ingestd.service names the same files.
inline constexpr std::string_view kPackagedFolder = "/etc/usage-ingestd";
inline constexpr std::string_view kPackagedServiceFile = "pg_service.conf";
inline constexpr std::string_view kPackagedEnvironmentFile = "environment";

// The variables of an EnvironmentFile=: "NAME=value", quotes as systemd reads them.
[[nodiscard]] Environment ParseEnvironmentFile(std::string_view text);

// Sets PGSERVICEFILE and the variables of the environment file. A variable that is set stays.
void UsePackagedFiles(const std::filesystem::path& folder);

}  // namespace usage_ingest::config
