#pragma once
// LogEndQuery: asks the brokers where logs end, without waiting for the answer.
//
// A fetch tells it too, but only one that is answered; lag must be known when none is.
//
// Owner         one thread; must be destroyed before the client.
// Limit         one request at a time.
// Source        rdkafka.h, rd_kafka_ListOffsets(): the high watermark, as isolation is not set.
#include <chrono>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "ingest/kafka/client/handles.h"
#include "schema/error.h"
#include "schema/kafka_position.h"

namespace usage_ingest::kafka::client {

class LogEndQuery {
 public:
  using Ends = std::vector<std::pair<TopicPartition, Offset>>;

  explicit LogEndQuery(rd_kafka_t* client) : client_(client), queue_(rd_kafka_queue_new(client)) {}

  // Forgets the request before, if its answer is still out.
  void Ask(std::span<const TopicPartition* const> partitions);
  // The answer: partitions that a broker gave none for are missing. nullopt: it is still out.
  [[nodiscard]] std::optional<Ends> Take(
      std::chrono::milliseconds wait = std::chrono::milliseconds(0));
  [[nodiscard]] bool is_asking() const { return is_asking_; }

 private:
  rd_kafka_t* client_;
  QueueHandle queue_;
  bool is_asking_ = false;
};

// The same, waiting for the answer, in the order of `partitions`. kUnavailable: one has none.
[[nodiscard]] Result<std::vector<Offset>> QueryHighWatermarks(
    rd_kafka_t* client, std::span<const TopicPartition* const> partitions,
    std::chrono::milliseconds timeout);

}  // namespace usage_ingest::kafka::client
