#pragma once
// CountingObserver: how often the simulation met what it is there to meet.
//
// Owner         one simulation.
#include <cstdint>

#include "ingest/pipeline/observer.h"

namespace usage_ingest::sim {

class CountingObserver final : public ingest::PipelineObserver {
 public:
  void BatchCommitted(std::size_t, const ingest::BatchReport& report) override {
    ++commits;
    staged += report.staged ? 1 : 0;
  }
  void DeadLettersHealed(std::int64_t) override {}
  void PostgresError(ingest::PostgresErrorClass, std::string_view) override {}
  void PostgresUp(std::size_t, bool) override {}
  void Fenced(std::string_view) override { ++fenced; }
  void KafkaError(ingest::KafkaErrorClass, std::string_view) override {}
  void Rebalanced(std::span<const TopicPartition* const>) override {}
  void OffsetGap(const TopicPartition&, std::int64_t) override {}
  void Paused(ingest::PauseReason, bool) override {}
  void Lag(const TopicPartition&, const ingest::PartitionLag&) override {}

  std::int64_t commits = 0;
  std::int64_t staged = 0;
  std::int64_t fenced = 0;
};

}  // namespace usage_ingest::sim
