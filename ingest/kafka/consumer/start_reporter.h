#pragma once
// StartReporter: says in the log where each partition is read from, and counts records that are
// gone from Kafka and logs that were replaced.
//
// Owner         the consumer thread.
// Invariants    a gap or a change is counted once, also when reading restarts before a lane has
//               written it to the offsets row.
// Limit         one entry for each partition that ever had a gap or a change.
#include <map>
#include <set>
#include <string>

#include "ingest/kafka/consumer/start_sequence.h"
#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::kafka::consumer {

class StartReporter {
 public:
  explicit StartReporter(pipeline::TelemetrySink& telemetry) : telemetry_(telemetry) {}

  void Report(const TopicPartition* source, const StartSequence::PartitionStart& start);

 private:
  struct Gap {
    Offset next_offset;
    std::int64_t records = 0;
  };
  void ReportUnknownId(const TopicPartition& source, const TopicId& id);
  void CountChange(const TopicPartition* source, Offset next_offset, pipeline::LogChange change);
  void CountGap(const TopicPartition* source, Offset next_offset, std::int64_t records);

  pipeline::TelemetrySink& telemetry_;
  std::map<const TopicPartition*, Gap> counted_;
  std::map<const TopicPartition*, Offset> changed_at_;
  std::map<const TopicPartition*, TopicId> logs_;  // that these two are about
  std::set<std::string> without_id_;               // topics that were reported
};

}  // namespace usage_ingest::kafka::consumer
