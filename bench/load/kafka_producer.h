#pragma once
// KafkaProducer: publishes the way LiteLLM's callback does (lz4, idempotent, acks=all).
//
// Thread-safety Send() from any thread. `on_delivery` runs on whichever thread is in Send(),
//               ServeDeliveries() or Flush().
// Errors        throws std::runtime_error when the broker, the topic or a delivery fails: a load
//               whose size is not known is worth nothing.
// Source        rdkafka.h; the queue's bounds are librdkafka's CONFIGURATION.md.
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

struct rd_kafka_s;
struct rd_kafka_topic_s;

namespace usage_ingest::load {

struct Delivery {
  std::int32_t partition;
  std::int64_t offset;
  std::size_t bytes;
  std::uint64_t tag;  // as given to Send
};

class KafkaProducer {
 public:
  struct Options {
    std::string brokers;
    std::string topic;
    int create_partitions = 0;  // 0: the topic is there
    int linger_ms = 5;
    std::function<void(const Delivery&)> on_delivery;
  };
  explicit KafkaProducer(Options options);
  ~KafkaProducer();
  KafkaProducer(const KafkaProducer&) = delete;
  KafkaProducer& operator=(const KafkaProducer&) = delete;

  // As librdkafka's default partitioner: CRC32 of the key.
  [[nodiscard]] std::int32_t PartitionOf(std::string_view key) const;
  [[nodiscard]] std::int32_t partitions() const { return partitions_; }

  struct Message {
    std::int32_t partition;
    std::string_view key;
    std::string_view value;  // empty: a tombstone
    std::uint64_t tag;
  };
  // Waits while the queue is full.
  void Send(const Message& message);
  // Any thread: calls back for what was delivered since the last call of Send() or of this.
  void ServeDeliveries();
  // Returns when everything is acknowledged.
  void Flush();

 private:
  struct Callbacks;
  void CreateTopic();
  void FindPartitions();
  void CheckDeliveries() const;

  Options options_;
  std::unique_ptr<rd_kafka_s, void (*)(rd_kafka_s*)> client_;
  std::unique_ptr<rd_kafka_topic_s, void (*)(rd_kafka_topic_s*)> topic_;
  std::int32_t partitions_ = 0;
  std::atomic<std::int64_t> failed_ = 0;
};

}  // namespace usage_ingest::load
