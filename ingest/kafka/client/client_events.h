#pragma once
// ClientEvents: what librdkafka reports by callbacks, kept until the loop takes it.
//
// The callbacks run inside rd_kafka_consumer_poll(). Acting there would nest the consumer's state
// machine in librdkafka's, so they only store what happened and make poll return.
//
// Owner         the thread that polls the client; must outlive the client.
// Source        rdkafka.h: rd_kafka_conf_set_{rebalance,offset_commit,error,log}_cb; with
//               log.queue=true log lines come by poll as well.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/kafka/client/handles.h"
#include "ingest/pipeline/log_throttle.h"
#include "ingest/pipeline/telemetry.h"
#include "schema/error.h"

namespace usage_ingest::kafka::client {

struct Rebalance {
  bool is_assigned = false;  // else everything is revoked
  bool is_lost = false;      // revoked, and others may own it already
  std::vector<std::pair<std::string, PartitionId>> partitions;
};

class ClientEvents {
 public:
  enum class Voice : unsigned char { kLog, kSilent };
  // `telemetry` may be null.
  ClientEvents(pipeline::TelemetrySink* telemetry, Voice voice)
      : telemetry_(telemetry), voice_(voice) {}
  ClientEvents(const ClientEvents&) = delete;
  ClientEvents& operator=(const ClientEvents&) = delete;

  // Makes `conf` report here.
  void InstallIn(rd_kafka_conf_t* conf, bool with_group);

  [[nodiscard]] std::optional<Rebalance> TakeRebalance();
  // Whether a commit succeeded; nullopt: no answer came.
  [[nodiscard]] std::optional<bool> TakeCommitAnswer();
  // Whether Kafka has failed in some way since the last call.
  [[nodiscard]] bool TakeHasFailed() { return std::exchange(has_failed_, false); }
  // The instance cannot go on.
  [[nodiscard]] const std::optional<Error>& fatal() const { return fatal_; }
  // The last error, to explain why nothing is read.
  [[nodiscard]] const std::string& last_error() const { return last_error_; }
  // An error said that the broker does not accept this client, whatever came after it.
  [[nodiscard]] bool is_refused() const { return is_refused_; }

  // Counts the error and logs it; the same `kind` only now and then. `kafka_code` says whose
  // matter it is; no error: it is not known.
  void Report(const Error& error, std::string_view kind,
              rd_kafka_resp_err_t kafka_code = RD_KAFKA_RESP_ERR_NO_ERROR);
  // librdkafka has raised a fatal error: reports which, and what to do about it.
  void ReportFatal(rd_kafka_t* client);

 private:
  static void OnRebalance(rd_kafka_t* client, rd_kafka_resp_err_t code,
                          rd_kafka_topic_partition_list_t* list, void* self);
  static void OnCommit(rd_kafka_t* client, rd_kafka_resp_err_t code,
                       rd_kafka_topic_partition_list_t* list, void* self);
  static void OnError(rd_kafka_t* client, int code, const char* reason, void* self);
  static void OnLog(const rd_kafka_t* client, int level, const char* facility, const char* text);
  void Say(int level, std::string_view key, std::string_view text);

  pipeline::TelemetrySink* telemetry_;
  Voice voice_;
  pipeline::LogThrottle throttle_;
  std::optional<Rebalance> rebalance_;
  std::optional<bool> commit_answer_;
  std::optional<Error> fatal_;
  std::string last_error_;
  bool is_refused_ = false;
  bool has_failed_ = false;
};

}  // namespace usage_ingest::kafka::client
