#pragma once
// ConnectChecks: what `check-config --connect` asks the servers: broker, topics and group;
// database, privileges, trigger and partitions.
#include <iosfwd>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/text/user_error.h"
#include "schema/problem.h"

namespace usage_ingest::commands {

struct ConnectCheck {
  enum class Status : unsigned char { kOk, kWarning, kFailed, kUnavailable };
  Status status = Status::kOk;
  Problem finding;  // with kOk: what was found
};

// Takes about ten seconds at most, whatever does not answer.
[[nodiscard]] std::vector<ConnectCheck> CheckConnections(const config::Config& config);

// A line for each check, and one for its fix.
void PrintChecks(const std::vector<ConnectCheck>& checks, std::ostream& out);

// 69 when something cannot be reached, else 78 when something is wrong, else 0.
[[nodiscard]] text::ExitCode ExitCodeOf(const std::vector<ConnectCheck>& checks);

}  // namespace usage_ingest::commands
