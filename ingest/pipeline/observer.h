#pragma once
// PipelineObserver: what happened, told once a batch to whoever keeps metrics and the status page.
//
// The pipeline must not know prometheus (architecture: only daemon/ does), and the simulation wants
// to count too. Calls are cheap and do not block.
//
// Thread-safety called from every lane and from the consumer thread; implementations lock or use
//               atomics.
#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "ingest/pipeline/record.h"
#include "schema/event_counts.h"
#include "schema/reasons.h"

namespace usage_ingest::pipeline {

enum class Phase : unsigned char { kDecode, kAttribute, kCopy, kUpsert, kCommit };
inline constexpr std::array<std::string_view, 5> kPhaseNames = {"decode", "attribute", "copy",
                                                                "upsert", "commit"};

struct PartitionProgress {
  const TopicPartition* source;
  Offset next_offset;
  std::int64_t last_timestamp_ms;
  EventCounts outcomes;
};

struct BatchReport {
  std::span<const PartitionProgress> partitions;
  std::array<std::chrono::nanoseconds, 5> phase_time{};  // by Phase
  std::size_t rows = 0;
  std::size_t bytes = 0;
  std::array<std::int64_t, kDeadLetterReasonNames.size()> dead_letters{};  // by reason
  std::array<std::int64_t, kSkipReasonNames.size()> skipped{};             // by reason
  std::int64_t suspended = 0;
  bool staged = false;  // went through the temporary table
  // From the Kafka timestamp to COMMIT, milliseconds: one sample a record.
  std::span<const std::int32_t> event_to_commit_ms;
};

// How far behind a partition is, as the consumer thread sees it (it hears of commits by its inbox).
struct PartitionLag {
  Offset high_watermark;  // as of the last fetch
  Offset position;        // the next record to poll
  Offset committed;       // next_offset in PostgreSQL
  // Kafka timestamp of the oldest polled record at or above `committed`, give or take a poll; 0
  // when everything polled is committed. What is not polled yet has no timestamp: the status board
  // counts it from the moment that it saw high_watermark pass `committed`.
  std::int64_t oldest_uncommitted_ms = 0;
};

enum class PostgresErrorClass : unsigned char { kTransient, kData, kFatal };
enum class KafkaErrorClass : unsigned char { kTransient, kFatal };
enum class PauseReason : unsigned char { kMemory, kPostgres };

// Sessions that are no lane's, for PostgresUp. The housekeeper's is always open, so it is what
// tells an idle daemon that PostgreSQL went away; the retry's comes and goes and says nothing.
inline constexpr std::size_t kHousekeeperSession = 1'000'000;
inline constexpr std::size_t kRetrySession = 1'000'001;

// Each method does nothing unless overridden: most listeners want to know of two or three.
class PipelineObserver {
 public:
  virtual ~PipelineObserver() = default;
  virtual void BatchCommitted(std::size_t /*lane*/, const BatchReport& /*report*/) {}
  virtual void DeadLettersHealed(std::int64_t /*count*/) {}
  virtual void PostgresError(PostgresErrorClass /*error_class*/, std::string_view /*message*/) {}
  // `session` is the lane's number, or one of the above. A lane connects with its first batch.
  virtual void PostgresUp(std::size_t /*session*/, bool /*up*/) {}
  virtual void Fenced(std::string_view /*why*/) {}
  // Not somebody else's: a record is needed that was let go.
  virtual void ReadAgain(std::string_view /*why*/) {}
  virtual void KafkaError(KafkaErrorClass /*error_class*/, std::string_view /*message*/) {}
  // What is assigned now: nothing between a revoke and the next assignment, and perhaps after it.
  virtual void Rebalanced(std::span<const TopicPartition* const> /*assigned*/) {}
  // Before each Rebalanced: false when partitions were revoked or lost, until the group assigns.
  virtual void GroupJoined(bool /*joined*/) {}
  virtual void OffsetGap(const TopicPartition& /*source*/, std::int64_t /*records*/) {}
  virtual void Paused(PauseReason /*reason*/, bool /*paused*/) {}
  // Once a second for each assigned partition.
  virtual void Lag(const TopicPartition& /*source*/, const PartitionLag& /*lag*/) {}
};

}  // namespace usage_ingest::pipeline
