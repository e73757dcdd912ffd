#pragma once
// KafkaOptions: the settings of one librdkafka client, without a type of librdkafka.
#include <chrono>
#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "schema/limits.h"

namespace usage_ingest::kafka::client {

// Where a topic begins that the group has no row of in PostgreSQL.
enum class StartFrom : unsigned char { kEarliest, kLatest };

struct KafkaOptions {
  std::string brokers;
  std::vector<std::string> topics;
  std::string group_id;
  StartFrom start = StartFrom::kEarliest;
  // Passed through; what exactly-once and the memory bound stand on wins over them. Static
  // membership is `group.instance.id` here.
  std::map<std::string, std::string> properties;
  std::size_t prefetch_bytes = std::size_t{64} << 20;  // librdkafka's share of memory.budget
  std::chrono::milliseconds position_check_interval = limits::kPositionCheckInterval;
};

}  // namespace usage_ingest::kafka::client
