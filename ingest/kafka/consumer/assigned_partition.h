#pragma once
// AssignedPartition: what the consumer knows about one partition in the current epoch.
//
// It decides about each message before the message goes to a lane. When PostgreSQL remembers the
// record before next_offset, librdkafka is told to begin one record early; that record is compared
// here and then dropped.
//
// Owner         the consumer thread; made new in every epoch.
#include <algorithm>
#include <cstdint>
#include <optional>

#include "ingest/kafka/consumer/lag_sampler.h"
#include "ingest/kafka/consumer/start_plan.h"
#include "ingest/pipeline/record.h"

namespace usage_ingest::kafka::consumer {

class AssignedPartition {
 public:
  enum class Decision : unsigned char {
    kDeliver,
    kDrop,  // the expected record before next_offset, or a record that came a second time
    // The record before next_offset is a different one, or the record has an older leader epoch
    // than one before it: this is not the log that was read.
    kChangedLog,
  };

  AssignedPartition(const TopicPartition* source, std::size_t lane)
      : source_(source), lane_(lane) {}

  void Start(const StartPlan& plan, const StoredOffset& stored);
  [[nodiscard]] Decision Decide(const pipeline::Record& record);
  // The record was delivered. Returns whether another leader appended it than the one before.
  bool Advance(const pipeline::Record& delivered);
  // The record before next_offset cannot be read; the leader's epoch still tells another log.
  void GiveUpComparison() { expect_before_.reset(); }
  // Kafka has no record for us below `end`. True: the position moved over a hole, for example over
  // the control records of a transaction.
  [[nodiscard]] bool OnEndReached(Offset end);
  // Remembers the timestamp of the first record of each turn of the poll loop.
  void Sample(std::uint64_t turn, Offset offset, std::int64_t timestamp_ms);
  void OnCommitted(Offset next);
  // A batch of an epoch that is over was still under way; its lane moved the row after we read it.
  void OnCommittedEarlier(Offset next) { committed_earlier_ = std::max(committed_earlier_, next); }

  [[nodiscard]] const TopicPartition* source() const { return source_; }
  [[nodiscard]] std::size_t lane() const { return lane_; }
  [[nodiscard]] Offset position() const { return position_; }  // of the next record to deliver
  // Where Kafka is read from, so that nothing is missed: the record before may have to be compared.
  [[nodiscard]] Offset read_from() const {
    return expect_before_ ? Offset{position_.value - 1} : position_;
  }
  [[nodiscard]] bool is_at_end() const { return is_at_end_; }    // of what may be read
  [[nodiscard]] Offset committed() const { return committed_; }  // next_offset in PostgreSQL
  // This process has moved the row no further. A replaced log is read from below what is stored.
  [[nodiscard]] Offset stored_max() const {
    return std::max({position_, committed_, committed_earlier_});
  }
  [[nodiscard]] std::int64_t oldest_uncommitted_ms() const {
    return lag_sampler_.Oldest(committed_, position_);
  }

 private:
  const TopicPartition* source_;
  std::size_t lane_;
  Offset position_;
  Offset committed_;
  Offset committed_earlier_;
  std::optional<RecordFingerprint> expect_before_;
  bool is_at_end_ = false;
  std::int32_t leader_epoch_ = kUnknownLeaderEpoch;  // of the last record
  std::uint64_t sampled_turn_ = 0;
  LagSampler lag_sampler_;
};

}  // namespace usage_ingest::kafka::consumer
