#pragma once
// ConnectChecks: `check-config --connect`. Broker, topics and group; database, privileges, trigger,
// partitions.
#include <string>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/text/user_error.h"

namespace usage_ingest::commands {

struct ConnectCheck {
  enum class Verdict : unsigned char { kOk, kWarning, kFailed, kUnavailable };
  Verdict verdict = Verdict::kOk;
  std::string what;
  std::string fix;
};

// Takes at most some ten seconds, whatever is away.
[[nodiscard]] std::vector<ConnectCheck> CheckConnections(const config::Config& config);

// 69 when something cannot be reached, else 78 when something is wrong, else 0.
[[nodiscard]] text::ExitCode ExitCodeOf(const std::vector<ConnectCheck>& checks);

}  // namespace usage_ingest::commands
