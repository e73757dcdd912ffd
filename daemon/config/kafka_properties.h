#pragma once
// KafkaProperties: which of librdkafka's properties an operator may not set, and why.
//
// [kafka.properties] is passed through so that security and tuning need no release of ours. What
// exactly-once or the memory bound stands on is ours, and says so instead of being overwritten
// silently.
#include <optional>
#include <string_view>

#include "daemon/text/problem.h"

namespace usage_ingest::config {

// nullopt: it may be passed to librdkafka, which knows itself whether the name exists. A problem's
// `what` continues "kafka.properties.<name> ".
[[nodiscard]] std::optional<text::Problem> RefuseKafkaProperty(std::string_view name,
                                                               std::string_view value);

}  // namespace usage_ingest::config
