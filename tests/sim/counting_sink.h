#pragma once
// CountingSink: how often the simulation met the events that it is made to produce.
//
// Owner         one simulation.
#include <cstdint>

#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::sim {

class CountingSink final
    : public pipeline::TelemetrySink,
      private pipeline::Ignores<
          pipeline::DeadLettersHealed, pipeline::DeadLettersPending, pipeline::RowsMissing,
          pipeline::SetAsideCounted, pipeline::PartitionRunway, pipeline::RetentionOverdue,
          pipeline::IndexesWatched, pipeline::BatchHeld, pipeline::PostgresFailed,
          pipeline::PostgresSession, pipeline::CopyPathChosen, pipeline::KafkaFailed,
          pipeline::GroupMembership, pipeline::PartitionsAssigned, pipeline::OffsetGap,
          pipeline::LogChanged, pipeline::ReadingPaused, pipeline::PartitionStuck,
          pipeline::PartitionLag, pipeline::ReadinessBlocked, pipeline::QuotaPeriodsStarted> {
 public:
  void On(const pipeline::TelemetryEvent& event) override { std::visit(*this, event); }

  using Ignores::operator();
  void operator()(const pipeline::BatchCommitted& batch) {
    ++commits;
    staged += batch.staged ? 1 : 0;
  }
  void operator()(const pipeline::Fenced& /*event*/) { ++fenced; }
  void operator()(const pipeline::RereadRequested& /*event*/) { ++read_again; }

  std::int64_t commits = 0;
  std::int64_t staged = 0;
  std::int64_t fenced = 0;
  std::int64_t read_again = 0;
};

}  // namespace usage_ingest::sim
