#pragma once
// LagReporter: reports once a second how far behind each assigned partition is.
//
// The end of a log comes from fetches, and every few seconds from a request of its own: a fetch
// that is refused, throttled or lost tells nothing, and then lag matters most. An end that neither
// has confirmed lately is unknown.
//
// Owner         the consumer thread. Time is an argument.
#include <chrono>
#include <map>
#include <optional>
#include <span>

#include "ingest/kafka/client/group_client.h"
#include "ingest/kafka/client/log_end_query.h"
#include "ingest/kafka/consumer/assigned_partition.h"
#include "ingest/kafka/consumer/stuck_partitions.h"
#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::kafka::consumer {

class LagReporter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  static constexpr auto kAskInterval = std::chrono::seconds(5);
  static constexpr auto kUnknownAfter = std::chrono::seconds(15);
  static constexpr auto kStandstillAfter = std::chrono::seconds(30);

  LagReporter(client::GroupClient& client, pipeline::TelemetrySink& telemetry,
              StuckPartitions& stuck)
      : client_(client), telemetry_(telemetry), stuck_(stuck) {}

  // All partitions were assigned again.
  void Reset(TimePoint now);
  // The client is about to be closed; a later question goes to the next one.
  void OnClientClosing() { query_.reset(); }
  // REQUIRES: the partitions are being read, unless `is_paused`.
  void ReportWhenDue(TimePoint now, std::span<const AssignedPartition> partitions, bool is_paused);

 private:
  struct Known {
    std::optional<Offset> fetched;  // the high watermark that the last fetch told
    std::optional<Offset> end;
    TimePoint confirmed;
    Offset position;  // when it last moved
    TimePoint moved;
  };
  void AskWhenDue(TimePoint now, std::span<const AssignedPartition> partitions);
  void TakeAnswer(TimePoint now);
  void LookAtFetches(const AssignedPartition& partition, Known& known, TimePoint now) const;
  void WatchProgress(const AssignedPartition& partition, Known& known, TimePoint now);

  client::GroupClient& client_;
  pipeline::TelemetrySink& telemetry_;
  StuckPartitions& stuck_;
  std::optional<client::LogEndQuery> query_;  // of the present client
  std::map<TopicPartition, Known> known_;
  TimePoint last_;
  TimePoint asked_;
};

}  // namespace usage_ingest::kafka::consumer
