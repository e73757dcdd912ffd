#pragma once
// AssignedPartition: what the consumer knows about one partition in the current epoch.
//
// It judges each message before it goes to a lane: librdkafka is asked to begin one record early
// when PostgreSQL remembers that record, and this is where it is compared and dropped.
//
// Owner         the consumer thread; made new in every epoch.
#include <cstdint>
#include <optional>

#include "ingest/kafka/consumer/start_plan.h"
#include "ingest/kafka/consumer/timestamp_trail.h"
#include "ingest/pipeline/record.h"

namespace usage_ingest::kafka::consumer {

class AssignedPartition {
 public:
  enum class Verdict : unsigned char {
    kDeliver,
    kDrop,    // the record before next_offset, as expected; or one that came a second time
    kNewLog,  // the record before next_offset is another one: read from the beginning
  };

  AssignedPartition(const TopicPartition* source, std::size_t lane)
      : source_(source), lane_(lane) {}

  void Start(const StartPlan& plan, Offset committed);
  [[nodiscard]] Verdict Judge(const pipeline::Record& record);
  // The record was delivered.
  void Advance(Offset delivered) { position_ = Offset{delivered.value + 1}; }
  void Sample(Offset offset, std::int64_t timestamp_ms) { trail_.Add(offset, timestamp_ms); }
  void OnCommitted(Offset next);

  [[nodiscard]] const TopicPartition* source() const { return source_; }
  [[nodiscard]] std::size_t lane() const { return lane_; }
  [[nodiscard]] Offset position() const { return position_; }    // the next to deliver
  [[nodiscard]] Offset committed() const { return committed_; }  // next_offset in PostgreSQL
  [[nodiscard]] std::int64_t oldest_uncommitted_ms() const {
    return trail_.Oldest(committed_, position_);
  }

  std::uint64_t sampled_turn = 0;  // the poll loop's turn that it was sampled in

 private:
  const TopicPartition* source_;
  std::size_t lane_;
  Offset position_;
  Offset committed_;
  std::optional<RecordFingerprint> expect_before_;
  TimestampTrail trail_;
};

}  // namespace usage_ingest::kafka::consumer
