#pragma once
// TopicAdvice: settings of a topic that may lose usage, for `run` and `check-config --connect`.
//
// A topic may be readable and lose usage all the same: by compaction, by a short retention, by a
// single replica. Those are warnings: they may be meant.
#include <chrono>
#include <cstddef>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/text/user_error.h"
#include "ingest/kafka/client/kafka_probe.h"

namespace usage_ingest::assembly {

// `prefetch_bytes`: librdkafka's share of memory.budget. REQUIRES: the settings are known.
[[nodiscard]] Problems TopicAdvice(const kafka::client::TopicFinding& topic,
                                   std::size_t prefetch_bytes);
// Of all topics of the configuration, as far as the brokers tell their settings. Blocks: brokers
// that are away are waited for as long as `timeout`, and each topic's settings as long.
[[nodiscard]] Result<Problems> QueryTopicAdvice(const config::Config& config,
                                                std::chrono::milliseconds timeout);

}  // namespace usage_ingest::assembly
