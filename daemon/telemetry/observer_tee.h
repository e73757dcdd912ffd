#pragma once
// ObserverTee: one pipeline, several who want to know.
#include <utility>
#include <vector>

#include "ingest/pipeline/observer.h"

namespace usage_ingest::telemetry {

// Thread-safety that of the observers given, which outlive it.
class ObserverTee final : public pipeline::PipelineObserver {
 public:
  explicit ObserverTee(std::vector<pipeline::PipelineObserver*> observers)
      : observers_(std::move(observers)) {}

  void BatchCommitted(std::size_t lane, const pipeline::BatchReport& report) override {
    for (auto* each : observers_) each->BatchCommitted(lane, report);
  }
  void DeadLettersHealed(std::int64_t count) override {
    for (auto* each : observers_) each->DeadLettersHealed(count);
  }
  void PostgresError(pipeline::PostgresErrorClass error_class, std::string_view message) override {
    for (auto* each : observers_) each->PostgresError(error_class, message);
  }
  void PostgresUp(std::size_t session, bool up) override {
    for (auto* each : observers_) each->PostgresUp(session, up);
  }
  void ReadAgain(std::string_view why) override {
    for (auto* each : observers_) each->ReadAgain(why);
  }
  void Fenced(std::string_view why) override {
    for (auto* each : observers_) each->Fenced(why);
  }
  void KafkaError(pipeline::KafkaErrorClass error_class, std::string_view message) override {
    for (auto* each : observers_) each->KafkaError(error_class, message);
  }
  void Rebalanced(std::span<const TopicPartition* const> assigned) override {
    for (auto* each : observers_) each->Rebalanced(assigned);
  }
  void GroupJoined(bool joined) override {
    for (auto* each : observers_) each->GroupJoined(joined);
  }
  void OffsetGap(const TopicPartition& source, std::int64_t records) override {
    for (auto* each : observers_) each->OffsetGap(source, records);
  }
  void Paused(pipeline::PauseReason reason, bool paused) override {
    for (auto* each : observers_) each->Paused(reason, paused);
  }
  void Lag(const TopicPartition& source, const pipeline::PartitionLag& lag) override {
    for (auto* each : observers_) each->Lag(source, lag);
  }

 private:
  std::vector<pipeline::PipelineObserver*> observers_;
};

}  // namespace usage_ingest::telemetry
