#pragma once
// KafkaProperties: which of librdkafka's properties an operator may not set, and why.
//
// [kafka.properties] is passed to librdkafka, so that security and tuning need no new release. The
// properties that exactly-once processing and the memory bound rely on are refused with the reason.
#include <optional>
#include <string_view>

#include "schema/problem.h"

namespace usage_ingest::config {

// nullopt: it may be passed to librdkafka, which knows itself whether the name exists. A problem's
// `what` continues "kafka.properties.<name> ".
[[nodiscard]] std::optional<Problem> RefuseKafkaProperty(std::string_view name,
                                                         std::string_view value);

}  // namespace usage_ingest::config
