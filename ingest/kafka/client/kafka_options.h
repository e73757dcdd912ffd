#pragma once
// KafkaOptions: the settings of one librdkafka client, without a type of librdkafka.
#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "schema/limits.h"

namespace usage_ingest::kafka::client {

// The ends of a log, as Kafka names them: its first offset, and the one of the next record.
enum class LogEnd : unsigned char { kEarliest, kLatest };

struct KafkaOptions {
  std::string brokers;
  std::vector<std::string> topics;
  std::string group_id;
  LogEnd start = LogEnd::kEarliest;  // of a partition of which PostgreSQL has no offset yet
  // Passed through; what exactly-once and the memory bound stand on wins over them. Static
  // membership is `group.instance.id` here.
  std::map<std::string, std::string> properties;
  std::size_t prefetch_bytes = std::size_t{64} << 20;  // librdkafka's share of memory.budget
  std::chrono::milliseconds position_check_interval = limits::kPositionCheckInterval;
};

}  // namespace usage_ingest::kafka::client
