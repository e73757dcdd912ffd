#pragma once
// LagReporter: tells the observer once a second how far behind each assigned partition is.
//
// Owner         the consumer thread. Time is an argument.
#include <chrono>
#include <span>

#include "ingest/kafka/client/group_client.h"
#include "ingest/kafka/consumer/assigned_partition.h"
#include "ingest/pipeline/observer.h"

namespace usage_ingest::kafka::consumer {

class LagReporter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  LagReporter(const client::GroupClient& client, pipeline::PipelineObserver& observer)
      : client_(client), observer_(observer) {}

  // REQUIRES: the partitions are being read.
  void ReportWhenDue(TimePoint now, std::span<const AssignedPartition> partitions);

 private:
  const client::GroupClient& client_;
  pipeline::PipelineObserver& observer_;
  TimePoint last_;
};

}  // namespace usage_ingest::kafka::consumer
