#include "tests/support/kafka/producer.h"

#include <utility>

#include "tests/support/wait.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

std::map<std::string, std::string> WithDefaults(const std::string& brokers,
                                                std::map<std::string, std::string> properties) {
  // What is there already wins: the caller's properties.
  properties.insert({{"bootstrap.servers", brokers},
                     {"compression.type", "lz4"},
                     {"linger.ms", "5"},
                     {"message.max.bytes", "16000000"},
                     {"reconnect.backoff.max.ms", "500"},
                     {"enable.idempotence", "true"}});
  return properties;
}

}  // namespace

Producer::Producer(const std::string& brokers, const std::map<std::string, std::string>& properties)
    : state_(std::make_unique<State>()),
      kafka_(MakeKafkaHandle(RD_KAFKA_PRODUCER, WithDefaults(brokers, properties),
                             {.callback = &Producer::Delivered, .opaque = state_.get()})) {}

void Producer::Delivered(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
  State& state = *static_cast<State*>(opaque);
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
    state.failed = message->err;
  } else {
    ++state.delivered[{rd_kafka_topic_name(message->rkt), message->partition}];
  }
}

void Producer::Produce(const ProducedRecord& record) {
  const std::string_view value = record.value.value_or(std::string_view());
  std::array<rd_kafka_vu_t, 6> fields{};
  fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
  fields[0].u.cstr = record.topic.c_str();
  fields[1].vtype = RD_KAFKA_VTYPE_PARTITION;
  fields[1].u.i32 = record.partition.value_or(RD_KAFKA_PARTITION_UA);
  fields[2].vtype = RD_KAFKA_VTYPE_KEY;
  // librdkafka only reads from the bytes: RD_KAFKA_MSG_F_COPY.
  fields[2].u.mem = {record.key.empty() ? nullptr : const_cast<char*>(record.key.data()),
                     record.key.size()};
  fields[3].vtype = RD_KAFKA_VTYPE_VALUE;
  fields[3].u.mem = {record.value ? const_cast<char*>(value.data()) : nullptr, value.size()};
  fields[4].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
  fields[4].u.i = RD_KAFKA_MSG_F_COPY;
  fields[5].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
  fields[5].u.i64 = record.timestamp_ms;

  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
  const bool taken = WaitUntil(After(60s), [&] {
    rd_kafka_error_t* failure = rd_kafka_produceva(kafka_.get(), fields.data(), fields.size());
    error = failure == nullptr ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(failure);
    if (failure != nullptr) rd_kafka_error_destroy(failure);
    rd_kafka_poll(kafka_.get(), 0);
    return error != RD_KAFKA_RESP_ERR__QUEUE_FULL;
  });
  CheckKafka(taken ? error : RD_KAFKA_RESP_ERR__TIMED_OUT, "produce to " + record.topic);
}

void Producer::Flush() {
  constexpr int kFlushMs = 120'000;
  CheckKafka(rd_kafka_flush(kafka_.get(), kFlushMs), "flush");
  CheckKafka(std::exchange(state_->failed, RD_KAFKA_RESP_ERR_NO_ERROR), "delivery");
}

}  // namespace usage_ingest::support
