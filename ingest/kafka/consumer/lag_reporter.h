#pragma once
// LagReporter: reports once a second how far behind each assigned partition is.
//
// Owner         the consumer thread. Time is an argument.
#include <chrono>
#include <span>

#include "ingest/kafka/client/group_client.h"
#include "ingest/kafka/consumer/assigned_partition.h"
#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::kafka::consumer {

class LagReporter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  LagReporter(const client::GroupClient& client, pipeline::TelemetrySink& telemetry)
      : client_(client), telemetry_(telemetry) {}

  // REQUIRES: the partitions are being read.
  void ReportWhenDue(TimePoint now, std::span<const AssignedPartition> partitions);

 private:
  const client::GroupClient& client_;
  pipeline::TelemetrySink& telemetry_;
  TimePoint last_;
};

}  // namespace usage_ingest::kafka::consumer
