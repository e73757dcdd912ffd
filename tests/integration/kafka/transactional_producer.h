#pragma once
// TransactionalProducer: writes records in Kafka transactions, each of which leaves a marker in the
// log: an offset that no consumer ever sees.
#include <array>
#include <stdexcept>
#include <string>

#include "tests/support/kafka/kafka_client.h"

namespace usage_ingest::kafka::consumer {

class TransactionalProducer {
 public:
  explicit TransactionalProducer(const std::string& brokers)
      : client_(support::MakeKafkaHandle(
            RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers}, {"transactional.id", "x"}})) {
    Check(rd_kafka_init_transactions(client_.get(), kTimeoutMs));
  }

  void CommitOne(const std::string& topic, std::string value) {
    BeginWith(topic, std::move(value));
    Check(rd_kafka_commit_transaction(client_.get(), kTimeoutMs));
  }
  void AbortOne(const std::string& topic, std::string value) {
    BeginWith(topic, std::move(value));
    support::CheckKafka(rd_kafka_flush(client_.get(), kTimeoutMs), "flushing");  // it is in the log
    Check(rd_kafka_abort_transaction(client_.get(), kTimeoutMs));
  }

  // It is in the log, and neither committed nor aborted.
  void LeaveOpen(const std::string& topic, std::string value, std::int32_t partition = 0) {
    BeginWith(topic, std::move(value), partition);
    support::CheckKafka(rd_kafka_flush(client_.get(), kTimeoutMs), "flushing");
  }
  void Abort() { Check(rd_kafka_abort_transaction(client_.get(), kTimeoutMs)); }

 private:
  static constexpr int kTimeoutMs = 30'000;

  static void Check(rd_kafka_error_t* error) {
    if (error == nullptr) return;
    const std::string what = rd_kafka_error_string(error);
    rd_kafka_error_destroy(error);
    throw std::runtime_error(what);
  }
  void BeginWith(const std::string& topic, std::string value, std::int32_t partition = 0) {
    Check(rd_kafka_begin_transaction(client_.get()));
    std::array<rd_kafka_vu_t, 4> fields{};
    fields[0].vtype = RD_KAFKA_VTYPE_TOPIC;
    fields[0].u.cstr = topic.c_str();
    fields[1].vtype = RD_KAFKA_VTYPE_VALUE;
    fields[1].u.mem = {value.data(), value.size()};
    fields[2].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
    fields[2].u.i = RD_KAFKA_MSG_F_COPY;
    fields[3].vtype = RD_KAFKA_VTYPE_PARTITION;
    fields[3].u.i32 = partition;
    Check(rd_kafka_produceva(client_.get(), fields.data(), fields.size()));
  }

  support::KafkaHandle client_;
};

}  // namespace usage_ingest::kafka::consumer
