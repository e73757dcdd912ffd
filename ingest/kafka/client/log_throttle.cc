#include "ingest/kafka/client/log_throttle.h"

#include <utility>

namespace usage_ingest::kafka::client {

std::optional<std::uint64_t> LogThrottle::Admit(std::string_view key, TimePoint now) {
  const auto found = seen_.find(key);
  if (found == seen_.end()) {
    if (seen_.size() >= kKeysMax) seen_.clear();
    seen_.emplace(key, Seen{.said = now});
    return 0;
  }
  Seen& seen = found->second;
  if (now - seen.said < kInterval) {
    ++seen.suppressed;
    return std::nullopt;
  }
  seen.said = now;
  return std::exchange(seen.suppressed, 0);
}

}  // namespace usage_ingest::kafka::client
