#pragma once
// Owners of librdkafka's handles: the only place of the tree that calls rd_kafka_*_destroy.
//
// Limit         a client must outlive every message that it gave out: a message keeps its broker
//               thread alive, and rd_kafka_destroy joins that thread (rdkafka_broker.c).
#include <librdkafka/rdkafka.h>

#include <memory>

namespace usage_ingest::kafka::client {

struct KafkaDeleter {
  void operator()(rd_kafka_t* handle) const noexcept { rd_kafka_destroy(handle); }
  void operator()(rd_kafka_conf_t* handle) const noexcept { rd_kafka_conf_destroy(handle); }
  void operator()(rd_kafka_topic_partition_list_t* handle) const noexcept {
    rd_kafka_topic_partition_list_destroy(handle);
  }
  void operator()(rd_kafka_message_t* handle) const noexcept { rd_kafka_message_destroy(handle); }
  void operator()(rd_kafka_queue_t* handle) const noexcept { rd_kafka_queue_destroy(handle); }
  void operator()(rd_kafka_error_t* handle) const noexcept { rd_kafka_error_destroy(handle); }
  void operator()(rd_kafka_topic_t* handle) const noexcept { rd_kafka_topic_destroy(handle); }
  void operator()(rd_kafka_event_t* handle) const noexcept { rd_kafka_event_destroy(handle); }
  void operator()(rd_kafka_AdminOptions_t* handle) const noexcept {
    rd_kafka_AdminOptions_destroy(handle);
  }
  void operator()(const rd_kafka_metadata_t* handle) const noexcept {
    rd_kafka_metadata_destroy(handle);
  }
  void operator()(rd_kafka_TopicCollection_t* handle) const noexcept {
    rd_kafka_TopicCollection_destroy(handle);
  }
};

using ClientHandle = std::unique_ptr<rd_kafka_t, KafkaDeleter>;
using ClientConfig = std::unique_ptr<rd_kafka_conf_t, KafkaDeleter>;
using PartitionList = std::unique_ptr<rd_kafka_topic_partition_list_t, KafkaDeleter>;
using MessageHandle = std::unique_ptr<rd_kafka_message_t, KafkaDeleter>;
using QueueHandle = std::unique_ptr<rd_kafka_queue_t, KafkaDeleter>;
using ErrorHandle = std::unique_ptr<rd_kafka_error_t, KafkaDeleter>;
using TopicHandle = std::unique_ptr<rd_kafka_topic_t, KafkaDeleter>;
using EventHandle = std::unique_ptr<rd_kafka_event_t, KafkaDeleter>;
using AdminOptionsHandle = std::unique_ptr<rd_kafka_AdminOptions_t, KafkaDeleter>;
using TopicsHandle = std::unique_ptr<rd_kafka_TopicCollection_t, KafkaDeleter>;
using MetadataHandle = std::unique_ptr<const rd_kafka_metadata_t, KafkaDeleter>;

}  // namespace usage_ingest::kafka::client
