#pragma once
// KafkaProbe: is Kafka there, and is it as the configuration says? For `check-config --connect`.
//
// Thread-safety none kept; makes a client of its own and lets it go.
// Limit         returns within about `timeout`.
// Errors        kUnavailable: no broker answered, with the last thing that librdkafka said of why.
//               kFatal: a property is wrong, or the broker refuses the client. What is wrong with
//               one topic or the group is a finding.
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ingest/kafka/client/kafka_options.h"
#include "ingest/kafka/client/watermarks.h"
#include "schema/error.h"

namespace usage_ingest::kafka::client {

struct TopicFinding {
  std::string name;
  std::int32_t partitions = 0;
  int replicas = 0;
  std::string problem;       // empty: fine
  std::string read_problem;  // why no record could be fetched; empty: one was, or there is none
  // Its configuration on the broker, defaults included; empty when settings_problem is not.
  std::map<std::string, std::string> settings;
  std::string settings_problem;
};

struct KafkaFindings {
  int brokers = 0;
  std::vector<TopicFinding> topics;  // in the order of the configuration
  std::string group_problem;         // empty: its offsets may be read
  bool is_group_refused = false;     // by an ACL; otherwise it may be better later
};

enum class ProbeDepth : unsigned char {
  kSettings,  // the topics and their settings: nothing is fetched
  kRead,      // also the right to read the topics and the group
};

[[nodiscard]] Result<KafkaFindings> ProbeKafka(const KafkaOptions& options,
                                               std::chrono::milliseconds timeout,
                                               ProbeDepth depth = ProbeDepth::kRead);

// Where the log of one partition begins and ends.
[[nodiscard]] Result<Watermarks> ProbeWatermarks(const KafkaOptions& options,
                                                 const TopicPartition& source,
                                                 std::chrono::milliseconds timeout);

// Does librdkafka know every property, and accept its value? Asks no broker.
[[nodiscard]] Result<> CheckKafkaProperties(const KafkaOptions& options);

// Do the properties work together, and can the files that they name be read? Makes a client that
// knows no broker. REQUIRES: each passes CheckKafkaProperties.
[[nodiscard]] Result<> CheckKafkaClient(KafkaOptions options);

}  // namespace usage_ingest::kafka::client
