#pragma once
// Kafka handles of librdkafka for tests: owned, quiet, failing loudly.
#include <librdkafka/rdkafka.h>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>

namespace usage_ingest::support {

struct KafkaHandleCloser {
  void operator()(rd_kafka_t* kafka) const noexcept { rd_kafka_destroy(kafka); }
};
using KafkaHandle = std::unique_ptr<rd_kafka_t, KafkaHandleCloser>;

struct PartitionListCloser {
  void operator()(rd_kafka_topic_partition_list_t* list) const noexcept {
    rd_kafka_topic_partition_list_destroy(list);
  }
};
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t, PartitionListCloser>;

class KafkaError : public std::runtime_error {
 public:
  KafkaError(const std::string& doing, rd_kafka_resp_err_t error)
      : std::runtime_error(doing + ": " + rd_kafka_err2str(error)), code(error) {}
  rd_kafka_resp_err_t code;
};

// Throws unless `error` says that all is well.
void CheckKafka(rd_kafka_resp_err_t error, const std::string& doing);

struct DeliveryReport {
  void (*callback)(rd_kafka_t*, const rd_kafka_message_t*, void* opaque) = nullptr;
  void* opaque = nullptr;
};

// Logs nothing: tests take brokers away on purpose.
[[nodiscard]] KafkaHandle MakeKafkaHandle(rd_kafka_type_t type,
                                          const std::map<std::string, std::string>& properties,
                                          DeliveryReport report = {});

}  // namespace usage_ingest::support
