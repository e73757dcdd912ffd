#include "bench/load/kafka_producer.h"

#include <fmt/format.h>
#include <librdkafka/rdkafka.h>

#include <array>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

namespace usage_ingest::load {
namespace {

constexpr int kTimeoutMs = 30'000;
constexpr auto kTopicAppearsMax = std::chrono::seconds(20);

[[noreturn]] void Throw(const std::string& what, const std::string& why) {
  throw std::runtime_error(fmt::format("{}: {}", what, why));
}

void Set(rd_kafka_conf_t* conf, const char* name, const std::string& value) {
  std::array<char, 256> error{};
  if (rd_kafka_conf_set(conf, name, value.c_str(), error.data(), error.size()) !=
      RD_KAFKA_CONF_OK) {
    Throw(name, error.data());
  }
}

}  // namespace

struct KafkaProducer::Callbacks {
  static void Delivered(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    auto* self = static_cast<KafkaProducer*>(opaque);
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      ++self->failed_;
      return;
    }
    if (self->options_.on_delivery) {
      self->options_.on_delivery({message->partition, message->offset, message->len,
                                  reinterpret_cast<std::uint64_t>(message->_private)});
    }
  }
};

KafkaProducer::KafkaProducer(Options options)
    : options_(std::move(options)),
      client_(nullptr, rd_kafka_destroy),
      topic_(nullptr, rd_kafka_topic_destroy) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  Set(conf, "bootstrap.servers", options_.brokers);
  Set(conf, "client.id", "usage-load");
  // A retry of the client must not become a duplicate that the expectation does not count.
  Set(conf, "enable.idempotence", "true");
  Set(conf, "compression.codec", "lz4");
  Set(conf, "linger.ms", std::to_string(options_.linger_ms));
  Set(conf, "queue.buffering.max.messages", "300000");
  Set(conf, "queue.buffering.max.kbytes", "393216");
  Set(conf, "delivery.timeout.ms", "300000");
  rd_kafka_conf_set_dr_msg_cb(conf, Callbacks::Delivered);
  rd_kafka_conf_set_opaque(conf, this);
  std::array<char, 256> error{};
  client_.reset(rd_kafka_new(RD_KAFKA_PRODUCER, conf, error.data(), error.size()));
  if (client_ == nullptr) {
    rd_kafka_conf_destroy(conf);  // rd_kafka_new owns it only when it succeeds
    Throw("kafka producer", error.data());
  }
  if (options_.create_partitions > 0) CreateTopic();
  topic_.reset(rd_kafka_topic_new(client_.get(), options_.topic.c_str(), nullptr));
  if (topic_ == nullptr) Throw(options_.topic, rd_kafka_err2str(rd_kafka_last_error()));
  FindPartitions();
}

KafkaProducer::~KafkaProducer() = default;

void KafkaProducer::CreateTopic() {
  std::array<char, 256> error{};
  const std::unique_ptr<rd_kafka_NewTopic_t, decltype(&rd_kafka_NewTopic_destroy)> topic(
      rd_kafka_NewTopic_new(options_.topic.c_str(), options_.create_partitions, 1, error.data(),
                            error.size()),
      rd_kafka_NewTopic_destroy);
  if (topic == nullptr) Throw(options_.topic, error.data());
  const std::unique_ptr<rd_kafka_queue_t, decltype(&rd_kafka_queue_destroy)> queue(
      rd_kafka_queue_new(client_.get()), rd_kafka_queue_destroy);
  rd_kafka_NewTopic_t* topics[] = {topic.get()};
  rd_kafka_CreateTopics(client_.get(), topics, 1, nullptr, queue.get());
  const std::unique_ptr<rd_kafka_event_t, decltype(&rd_kafka_event_destroy)> event(
      rd_kafka_queue_poll(queue.get(), kTimeoutMs), rd_kafka_event_destroy);
  if (event == nullptr) Throw(options_.topic, "no answer to CreateTopics");
  if (rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    Throw(options_.topic, rd_kafka_event_error_string(event.get()));
  }
  std::size_t count = 0;
  const rd_kafka_topic_result_t** results =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event.get()), &count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto code = rd_kafka_topic_result_error(results[i]);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
      Throw(options_.topic, rd_kafka_err2str(code));
    }
  }
}

void KafkaProducer::FindPartitions() {
  const auto deadline = std::chrono::steady_clock::now() + kTopicAppearsMax;
  while (partitions_ == 0) {
    const rd_kafka_metadata_t* metadata = nullptr;
    const auto code = rd_kafka_metadata(client_.get(), 0, topic_.get(), &metadata, kTimeoutMs);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) Throw(options_.topic, rd_kafka_err2str(code));
    if (metadata->topic_cnt == 1) partitions_ = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    if (std::chrono::steady_clock::now() > deadline) Throw(options_.topic, "no such topic");
    if (partitions_ == 0) std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
}

std::int32_t KafkaProducer::PartitionOf(std::string_view key) const {
  return rd_kafka_msg_partitioner_consistent(topic_.get(), key.data(), key.size(), partitions_,
                                             nullptr, nullptr);
}

void KafkaProducer::Send(const Message& message) {
  // librdkafka copies the bytes (RD_KAFKA_MSG_F_COPY), it does not write through the pointer.
  auto* value = const_cast<char*>(message.value.data());
  for (;;) {
    const int refused =
        rd_kafka_produce(topic_.get(), message.partition, RD_KAFKA_MSG_F_COPY,
                         message.value.empty() ? nullptr : value, message.value.size(),
                         message.key.data(), message.key.size(),
                         // A number goes through the client, not a pointer.
                         // NOLINTNEXTLINE(performance-no-int-to-ptr)
                         reinterpret_cast<void*>(message.tag));
    if (refused == 0) break;
    const auto code = rd_kafka_last_error();
    if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) Throw(options_.topic, rd_kafka_err2str(code));
    rd_kafka_poll(client_.get(), 20);
  }
  rd_kafka_poll(client_.get(), 0);
  CheckDeliveries();
}

void KafkaProducer::ServeDeliveries() { rd_kafka_poll(client_.get(), 0); }

void KafkaProducer::Flush() {
  const auto code = rd_kafka_flush(client_.get(), 10 * kTimeoutMs);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) Throw("flush", rd_kafka_err2str(code));
  CheckDeliveries();
}

void KafkaProducer::CheckDeliveries() const {
  if (failed_ != 0) Throw(options_.topic, fmt::format("{} deliveries failed", failed_.load()));
}

}  // namespace usage_ingest::load
