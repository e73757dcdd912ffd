#pragma once
// StartReporter: says in the log where each partition is read from, and counts records that are
// gone from Kafka.
//
// Owner         the consumer thread.
// Invariants    a gap is counted once, also when reading restarts before a lane has written it to
//               the offsets row.
// Limit         one entry for each partition that ever had a gap.
#include <map>

#include "ingest/kafka/consumer/start_plan.h"
#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::kafka::consumer {

class StartReporter {
 public:
  explicit StartReporter(pipeline::TelemetrySink& telemetry) : telemetry_(telemetry) {}

  void Report(const TopicPartition* source, const StoredOffset& stored, const StartPlan& plan);

 private:
  struct Gap {
    Offset next_offset;
    std::int64_t records = 0;
  };
  void CountGap(const TopicPartition* source, Offset next_offset, std::int64_t records);

  pipeline::TelemetrySink& telemetry_;
  std::map<const TopicPartition*, Gap> counted_;
};

}  // namespace usage_ingest::kafka::consumer
