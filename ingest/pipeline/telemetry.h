#pragma once
// TelemetrySink: receives what happened in the daemon, one value for each event.
//
// The pipeline reports facts and does not know who uses them: metrics, status page, log, the
// totals of a replay, the simulation's counters. Each sink visits the event with one overload for
// each type, so a sink that does not handle a new event type does not compile. A sink that does not
// use an event names it in Ignores<...>.
//
// Thread-safety On is called from every lane, the consumer thread and main. It does not block, but
//               for a lock that is held for microseconds.
// Limit         events are made once a batch or less often, never once a record, and own no
//               memory: texts and lists are views that are valid during the call.
#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <variant>

#include "schema/event_counts.h"
#include "schema/kafka_position.h"
#include "schema/reasons.h"
#include "schema/strong.h"

namespace usage_ingest::pipeline {

// The names are label values of metrics, in the order of the enumerators.
enum class Phase : unsigned char { kDecode, kAttribute, kCopy, kUpsert, kCommit };
inline constexpr std::array<std::string_view, 5> kPhaseNames = {"decode", "attribute", "copy",
                                                                "upsert", "commit"};
enum class PostgresErrorClass : unsigned char { kTransient, kData, kFatal };
inline constexpr std::array<std::string_view, 3> kPostgresErrorClassNames = {"transient", "data",
                                                                             "fatal"};
enum class KafkaErrorClass : unsigned char {
  kTransient,       // the cluster is not well; the client retries
  kFatal,           // the instance cannot go on: the process ends
  kAuthentication,  // wrong credentials or mechanism
  kAuthorization,   // an ACL is missing
  kTls,             // certificate, authority or handshake
  kProtocol,        // versions or settings that do not fit together
};
inline constexpr std::array<std::string_view, 6> kKafkaErrorClassNames = {
    "transient", "fatal", "authentication", "authorization", "tls", "protocol"};
// Why an assigned partition is not read.
enum class StuckReason : unsigned char {
  kCorruptBatch,     // its next batch is damaged
  kBatchTooLarge,    // its next batch needs more memory than the budget allows
  kAuthorization,    // the user may not READ the topic
  kBrokerError,      // the broker answers each fetch with an error
  kNotRead,          // records wait, and no fetch has brought one for a while
  kOpenTransaction,  // records wait behind a transaction that was neither committed nor aborted
};
inline constexpr std::array<std::string_view, 6> kStuckReasonNames = {
    "corrupt_batch", "batch_too_large", "authorization",
    "broker_error",  "not_read",        "open_transaction"};
enum class PauseReason : unsigned char { kMemory, kPostgres };
inline constexpr std::array<std::string_view, 2> kPauseReasonNames = {"memory", "postgres"};
// Who guarantees the foreign keys of usage_logs while rows are copied.
enum class CopyPath : unsigned char {
  kBatch,        // the locks that the batch's transaction holds on the parent rows
  kConstraints,  // the constraints and triggers of the table
};
inline constexpr std::array<std::string_view, 2> kCopyPathNames = {"batch", "constraints"};

// A session with PostgreSQL. The housekeeper's is always open, so an idle daemon notices with it
// that PostgreSQL is away; the one of the dead letters' retry is opened for each retry.
struct SessionId {
  enum class Owner : unsigned char { kLane, kHousekeeper, kDeadLetterRetry };
  Owner owner = Owner::kLane;
  std::size_t lane = 0;
  friend auto operator<=>(const SessionId&, const SessionId&) = default;
};
inline constexpr SessionId kHousekeeperSession{SessionId::Owner::kHousekeeper};
inline constexpr SessionId kDeadLetterRetrySession{SessionId::Owner::kDeadLetterRetry};

struct PartitionProgress {
  const TopicPartition* source = nullptr;
  Offset next_offset{};
  EventCounts counts;
};

struct BatchCommitted {
  std::size_t lane = 0;
  std::span<const PartitionProgress> partitions;
  std::array<std::chrono::nanoseconds, kPhaseNames.size()> phase_time{};  // by Phase
  std::size_t rows = 0;
  std::size_t bytes = 0;
  std::array<std::int64_t, kDeadLetterReasonNames.size()> dead_letters{};  // by reason
  std::array<std::int64_t, kSkipReasonNames.size()> skipped{};             // by reason
  std::int64_t suspended = 0;                                              // subscriptions
  std::int64_t quota_warnings = 0;  // thresholds that were reached
  bool staged = false;              // went through the temporary table
  // From the Kafka timestamp to COMMIT: one sample for each record that has a timestamp.
  std::span<const std::int32_t> event_to_commit_ms;
};

struct DeadLettersHealed {
  std::int64_t count = 0;
};
// What waits for a retry or a person.
struct DeadLettersPending {
  std::array<std::int64_t, kDeadLetterReasonNames.size()> by_reason{};
};
// Rows that were inserted and are gone. Some of all rows are looked at; 0: each of them is there.
struct RowsMissing {
  std::int64_t samples = 0;
  std::string_view what;  // for people
};
// Events that wait because PostgreSQL refuses them, by reason and detail: the most first.
struct SetAsideEvents {
  DeadLetterReason reason{};
  std::int64_t events = 0;
  std::int64_t since_ms = 0;  // when the first one was set aside, milliseconds since the epoch
  std::string_view detail;    // whose they are, and what PostgreSQL said
};
struct SetAsideCounted {
  std::span<const SetAsideEvents> groups;
};
// Until the last existing partition of usage_logs ends.
struct PartitionRunway {
  std::chrono::seconds time{};
};
// How long the oldest partition of usage_logs has been kept beyond the retention; 0: it is not.
struct RetentionOverdue {
  std::chrono::seconds time{};
};
// Of partitions.indexes = "deferred"; all 0 otherwise, but for what was built before.
struct IndexesWatched {
  std::int64_t partitions_waiting = 0;  // their day is over, and an index is missing
  std::int64_t not_deferred = 0;        // usage_logs has them itself, so each row is added to them
  std::int64_t built = 0;               // since the first one
  std::chrono::milliseconds build_time{};
};

// A batch could not be committed and is tried again; not held: it was committed or given up.
struct BatchHeld {
  SessionId session;
  bool held = false;
};
struct PostgresFailed {
  PostgresErrorClass error_class{};
  std::string_view message;
};
// A lane connects with its first batch.
struct PostgresSession {
  SessionId session;
  bool up = false;
};
// A session that copies rows decides in each transaction: its first decision,
// and each one that differs from the one before.
struct CopyPathChosen {
  SessionId session;
  CopyPath path{};
};

// Another process owns the partition: the batch was given up.
struct Fenced {
  std::string_view why;
};
// The records of the batch are read again although no other process owns the partition.
struct RereadRequested {
  std::string_view why;
};

struct KafkaFailed {
  KafkaErrorClass error_class{};
  std::string_view message;
};
// False when partitions were revoked or lost, until the group assigns.
struct GroupMembership {
  bool joined = false;
};
// After each GroupMembership: what is assigned now. A member may have no partition.
struct PartitionsAssigned {
  std::span<const TopicPartition* const> partitions;
};
// Kafka no longer had these records when they were due.
struct OffsetGap {
  const TopicPartition* source = nullptr;
  std::int64_t records = 0;
};
enum class LogChange : unsigned char {
  kTruncated,  // an unclean election replaced the end of the log
  kRecreated,  // another topic of the same name, perhaps of another cluster
};
inline constexpr std::array<std::string_view, 2> kLogChangeNames = {"truncated", "recreated"};
// The log is not the one that was read before. What it holds is read; what the other one held and
// was not read is gone, and cannot be counted.
struct LogChanged {
  const TopicPartition* source = nullptr;
  LogChange change{};
};
struct ReadingPaused {
  PauseReason reason{};
  bool paused = false;
};
// A partition is not read while the others are, or is read again.
struct PartitionStuck {
  const TopicPartition* source = nullptr;
  StuckReason reason{};
  bool stuck = false;
  Offset offset{};       // where it is stuck
  std::string_view why;  // for people: the error, and what to do
};

// How far behind a partition is, as the consumer thread sees it: once a second for each assigned
// partition.
struct PartitionLag {
  const TopicPartition* source = nullptr;
  std::optional<Offset> high_watermark{};  // nullopt: Kafka has not told it lately
  Offset position{};                       // the next record to poll
  Offset committed{};                      // next_offset in PostgreSQL
  // Kafka timestamp of the oldest polled record at or above `committed`, within one poll; 0 when
  // everything polled is committed. What is not polled yet has no timestamp: the status board
  // counts it from the moment that it saw high_watermark pass `committed`.
  std::int64_t oldest_uncommitted_ms = 0;
};

// By the timer, and not by an event.
struct QuotaPeriodsStarted {
  std::int64_t subscriptions = 0;
};

// Why the daemon is not ready although Kafka and PostgreSQL may be; empty: no such reason.
struct ReadinessBlocked {
  std::string_view why;
};

using TelemetryEvent =
    std::variant<BatchCommitted, DeadLettersHealed, DeadLettersPending, RowsMissing,
                 SetAsideCounted, PartitionRunway, RetentionOverdue, IndexesWatched, BatchHeld,
                 PostgresFailed, PostgresSession, CopyPathChosen, Fenced, RereadRequested,
                 KafkaFailed, GroupMembership, PartitionsAssigned, OffsetGap, LogChanged,
                 ReadingPaused, PartitionStuck, PartitionLag, ReadinessBlocked,
                 QuotaPeriodsStarted>;
static_assert(std::is_trivially_copyable_v<TelemetryEvent>, "an event owns no memory");

class TelemetrySink {
 public:
  virtual ~TelemetrySink() = default;
  virtual void On(const TelemetryEvent& event) = 0;
};

// The overloads of the events that a visitor does not use, by name:
//   struct Visitor : Ignores<Fenced, OffsetGap> {
//     using Ignores::operator();
//     void operator()(const BatchCommitted& batch);
//   };
template <class Event>
struct IgnoresOne {
  void operator()(const Event& /*event*/) const {}
};
template <class... Events>
struct Ignores : IgnoresOne<Events>... {
  using IgnoresOne<Events>::operator()...;
};

}  // namespace usage_ingest::pipeline
