#pragma once
// TopicChecks: what `check-config --connect` says about one topic.
#include <cstddef>
#include <vector>

#include "daemon/commands/connect_checks.h"
#include "ingest/kafka/client/kafka_probe.h"

namespace usage_ingest::commands {

// `prefetch_bytes`: librdkafka's share of memory.budget.
void CheckTopic(const kafka::client::TopicFinding& topic, std::size_t prefetch_bytes,
                std::vector<ConnectCheck>& checks);

}  // namespace usage_ingest::commands
