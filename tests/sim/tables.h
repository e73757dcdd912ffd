#pragma once
// Tables: what the fake PostgreSQL holds once it is committed.
//
// A value: a copy of it is a replica that lags behind, and putting the copy back is a fail-over
// that loses the transactions in between.
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "aggregate/rollup.h"
#include "schema/event_counts.h"
#include "schema/kafka_position.h"
#include "schema/reasons.h"
#include "schema/usage_event.h"

namespace usage_ingest::sim {

struct OffsetsRow {
  StoredOffset stored;
  EventCounts outcomes;
};

struct StoredRow {
  EventTimeUs created_at;
  std::string model;
  std::int32_t request_tokens = 0;
  std::int32_t response_tokens = 0;
  MicroCost cost;
  std::optional<std::int32_t> latency_ms;
  std::int16_t status_code = 0;
  Attribution owner;
  int copies = 1;           // more than one is what the primary key forbids
  bool is_foreign = false;  // of another writer: not in the history
};
[[nodiscard]] StoredRow MakeStoredRow(const UsageRow& row);
// Views into `row`.
[[nodiscard]] UsageEvent EventOf(const StoredRow& row);

struct SummaryKey {
  Uuid subscription_id;
  std::string model;
  aggregate::PeriodType period_type{};
  EventTimeUs period_start;
  friend auto operator<=>(const SummaryKey&, const SummaryKey&) = default;
};

struct HistoryKey {
  std::int32_t day = 0;
  Uuid subscription_id;
  Uuid api_key_id;
  Uuid team_id;
  std::string model;
  friend auto operator<=>(const HistoryKey&, const HistoryKey&) = default;
};
[[nodiscard]] HistoryKey KeyOf(const aggregate::DailyKey& key);

struct Subscription {
  Uuid user_id;
  std::string model;
  std::int64_t quota_requests = 0;
  std::int64_t used_requests = 0;
  std::int64_t used_tokens = 0;
  bool is_suspended = false;
  // For the checker: what LiteMaaS' resets took away, how often each change of state happened.
  std::int64_t reset_requests = 0;
  std::int64_t reset_tokens = 0;
  int suspensions = 0;  // audit rows
  int reactivations = 0;
};

struct ApiKey {
  Uuid id;
  Uuid user_id;
  Uuid team_id;
};

struct LetterKey {
  PartitionId partition;
  TopicId topic_id;
  std::int32_t leader_epoch = kUnknownLeaderEpoch;
  Offset offset;
  std::uint32_t event_index = 0;
  friend auto operator<=>(const LetterKey&, const LetterKey&) = default;
};

struct Tables {
  std::map<PartitionId, OffsetsRow> offsets;
  std::map<Uuid, StoredRow> rows;
  std::map<SummaryKey, aggregate::Totals> summaries;
  std::map<HistoryKey, aggregate::DailyTotals> history;  // nothing deletes from it
  std::map<Uuid, Subscription> subscriptions;
  std::map<std::string, ApiKey> api_keys;  // by hash
  std::set<Uuid> teams;
  std::map<LetterKey, DeadLetterReason> dead_letters;
  aggregate::PeriodType partition_unit = aggregate::PeriodType::kMonth;  // or kDay
  std::set<EventTimeUs> days;                                            // that are in a partition

  // For the checker: rows that went with their subscription, and rows that another writer inserted.
  std::set<Uuid> cascaded;
  std::vector<StoredRow> cascaded_rows;
  bool deletes_history = false;  // a planted bug
  std::int64_t cascaded_count = 0;
  std::int64_t foreign_rows = 0;

  // The partition for rows of `time`.
  void AddPartition(EventTimeUs time);
};

// The rule of docs/events.md, "Whose usage it is", as far as the simulation has its tables.
[[nodiscard]] std::optional<Attribution> Attribute(const Tables& tables, std::string_view key_hash,
                                                   std::string_view team_id,
                                                   std::string_view model);

}  // namespace usage_ingest::sim
