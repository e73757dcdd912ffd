#pragma once
// Producer: puts records on a topic the way the LiteLLM callback does, and counts them.
//
// Owner         one thread.
// Limit         a full local queue is waited for; Flush says when everything is on the broker.
// Errors        throws KafkaError; a record that was not delivered fails the next Flush.
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/kafka/kafka_client.h"

namespace usage_ingest::support {

struct ProducedRecord {
  std::string topic = {};
  // By partition when given, else by key as librdkafka hashes it.
  std::optional<std::int32_t> partition = std::nullopt;
  std::string key = {};
  std::optional<std::string_view> value = std::nullopt;  // nullopt is a tombstone
  std::int64_t timestamp_ms = 0;                         // 0: now
};

class Producer {
 public:
  explicit Producer(const std::string& brokers,
                    const std::map<std::string, std::string>& properties = {});

  void Produce(const ProducedRecord& record);
  // Returns when the broker has all of it.
  void Flush();
  // Of this producer, by (topic, partition), after Flush.
  [[nodiscard]] const std::map<std::pair<std::string, std::int32_t>, std::int64_t>& delivered()
      const noexcept {
    return state_->delivered;
  }

 private:
  struct State {
    std::map<std::pair<std::string, std::int32_t>, std::int64_t> delivered;
    rd_kafka_resp_err_t failed = RD_KAFKA_RESP_ERR_NO_ERROR;
  };
  static void Delivered(rd_kafka_t* kafka, const rd_kafka_message_t* message, void* opaque);

  std::unique_ptr<State> state_;  // its address is with librdkafka
  KafkaHandle kafka_;
};

}  // namespace usage_ingest::support
