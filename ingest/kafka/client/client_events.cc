#include "ingest/kafka/client/client_events.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <syslog.h>

#include <array>

#include "ingest/kafka/client/kafka_error.h"

namespace usage_ingest::kafka::client {
namespace {

// Records that are still prefetched while the group is left: the next owner reads them. Without a
// consume_cb nothing handles them, and rd_kafka_q_serve asserts that something did
// (rdkafka_queue.c, "op must have been handled"). rd_kafka_consumer_poll returns records all the
// same: it asks with RD_KAFKA_Q_CB_RETURN.
void DropLateRecord(rd_kafka_message_t* /*record*/, void* /*self*/) {}

}  // namespace

void ClientEvents::InstallIn(rd_kafka_conf_t* conf, bool with_group) {
  rd_kafka_conf_set_opaque(conf, this);
  rd_kafka_conf_set_error_cb(conf, OnError);
  rd_kafka_conf_set_log_cb(conf, OnLog);
  if (!with_group) return;
  rd_kafka_conf_set_rebalance_cb(conf, OnRebalance);
  rd_kafka_conf_set_offset_commit_cb(conf, OnCommit);
  rd_kafka_conf_set_consume_cb(conf, DropLateRecord);
}

std::optional<Rebalance> ClientEvents::TakeRebalance() {
  return std::exchange(rebalance_, std::nullopt);
}

std::optional<bool> ClientEvents::TakeCommitAnswer() {
  return std::exchange(commit_answer_, std::nullopt);
}

void ClientEvents::Report(const Error& error, std::string_view kind,
                          rd_kafka_resp_err_t kafka_code) {
  // "All brokers are down" follows a refusal, and explains nothing.
  const bool is_refusal = ErrorClassOf(kafka_code) != pipeline::KafkaErrorClass::kTransient;
  if (is_refusal || !is_refused_) last_error_ = error.context;
  is_refused_ = is_refused_ || is_refusal;
  has_failed_ = true;
  const bool is_fatal = error.code == ErrorCode::kFatal;
  if (is_fatal && !fatal_) fatal_ = error;
  if (telemetry_ != nullptr) {
    telemetry_->On(pipeline::KafkaFailed{
        is_fatal ? pipeline::KafkaErrorClass::kFatal : ErrorClassOf(kafka_code), error.context});
  }
  Say(is_fatal ? LOG_ERR : LOG_WARNING, kind, error.context);
}

void ClientEvents::ReportFatal(rd_kafka_t* client) {
  if (fatal_) return;
  std::array<char, 512> text{};
  const auto cause = rd_kafka_fatal_error(client, text.data(), text.size());
  const std::string_view advice =
      cause == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID
          ? "; another daemon runs with the same group.instance.id: give each its own"
          : "";
  Report({ErrorCode::kFatal, fmt::format("kafka: this instance cannot go on: {} ({}){}",
                                         text.data(), rd_kafka_err2name(cause), advice)},
         rd_kafka_err2name(cause));
}

void ClientEvents::OnRebalance(rd_kafka_t* client, rd_kafka_resp_err_t code,
                               rd_kafka_topic_partition_list_t* list, void* self) {
  auto& events = *static_cast<ClientEvents*>(self);
  Rebalance rebalance;
  rebalance.is_assigned = code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
  rebalance.is_lost = !rebalance.is_assigned && rd_kafka_assignment_lost(client) != 0;
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    rebalance.partitions.emplace_back(list->elems[i].topic, PartitionId{list->elems[i].partition});
  }
  // librdkafka waits for our assign call before it sends the next one, so none is overwritten.
  events.rebalance_ = std::move(rebalance);
  rd_kafka_yield(client);
}

void ClientEvents::OnCommit(rd_kafka_t* /*client*/, rd_kafka_resp_err_t code,
                            rd_kafka_topic_partition_list_t* list, void* self) {
  auto& events = *static_cast<ClientEvents*>(self);
  // The code is of the request; a partition may have failed alone.
  for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && list != nullptr && i < list->cnt; ++i) {
    code = list->elems[i].err;
  }
  events.commit_answer_ = code == RD_KAFKA_RESP_ERR_NO_ERROR;
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR || ToErrorCode(code) == ErrorCode::kFenced) {
    return;  // normal in a rebalance: the next owner of the partition commits again
  }
  Error error = MakeKafkaError(code, "committing offsets to Kafka, which lag tools read");
  error.code = ErrorCode::kUnavailable;  // PostgreSQL has them, so nothing depends on it
  events.Report(error, "commit", code);
}

void ClientEvents::OnError(rd_kafka_t* client, int code, const char* reason, void* self) {
  auto& events = *static_cast<ClientEvents*>(self);
  const auto kafka_code = static_cast<rd_kafka_resp_err_t>(code);
  if (kafka_code == RD_KAFKA_RESP_ERR__FATAL) return events.ReportFatal(client);
  // librdkafka retries what is not fatal to the client, whatever the code is called.
  events.Report({ErrorCode::kUnavailable,
                 fmt::format("kafka: {} ({})", reason, rd_kafka_err2name(kafka_code))},
                rd_kafka_err2name(kafka_code), kafka_code);
}

void ClientEvents::OnLog(const rd_kafka_t* client, int level, const char* facility,
                         const char* text) {
  auto& events = *static_cast<ClientEvents*>(rd_kafka_opaque(client));
  // OnError reports the same failure (rd_kafka_broker_set_error in rdkafka_broker.c).
  if (std::string_view(facility) == "FAIL") return;
  // A facility is a kind of message (FAIL, SASL, MAXPOLL): many texts, but few of them.
  events.Say(level, facility, fmt::format("librdkafka {}: {}", facility, text));
}

void ClientEvents::Say(int level, std::string_view key, std::string_view text) {
  if (voice_ == Voice::kSilent) return;
  if (level >= LOG_DEBUG) {
    spdlog::debug(text);
    return;
  }
  const auto suppressed = throttle_.Admit(key, std::chrono::steady_clock::now());
  if (!suppressed) return;
  std::string line(text);
  if (*suppressed > 0) line += fmt::format(" (and {} like it)", *suppressed);
  if (level <= LOG_ERR && !fatal_) level = LOG_WARNING;  // librdkafka retries
  spdlog::log(level <= LOG_ERR       ? spdlog::level::err
              : level <= LOG_WARNING ? spdlog::level::warn
                                     : spdlog::level::info,
              "{}", line);
}

}  // namespace usage_ingest::kafka::client
