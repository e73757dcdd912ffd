#pragma once
// KafkaProperties: which of librdkafka's properties an operator may not set, and why.
//
// [kafka.properties] is passed through so that security and tuning need no release of ours. What
// exactly-once or the memory bound stands on is ours, and says so instead of being overwritten
// silently.
#include <optional>
#include <string>
#include <string_view>

namespace usage_ingest::config {

struct PropertyRefusal {
  std::string reason;
  std::string fix;
};

// nullopt: it may be passed to librdkafka, which knows itself whether the name exists.
[[nodiscard]] std::optional<PropertyRefusal> RefuseKafkaProperty(std::string_view name,
                                                                 std::string_view value);

}  // namespace usage_ingest::config
