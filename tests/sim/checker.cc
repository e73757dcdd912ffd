#include "tests/sim/checker.h"

#include <fmt/format.h>

#include <algorithm>

namespace usage_ingest::sim {
namespace {

// The records of `log` below `end`.
std::span<const LogRecord* const> RecordsBelow(const FakeLog& log, Offset end,
                                               std::vector<const LogRecord*>& into) {
  for (const LogRecord& record : log.records()) {
    if (record.offset >= end) break;
    into.push_back(&record);
  }
  return into;
}

bool IsSame(const StoredRow& row, const Truth& truth) {
  return row.created_at.value == truth.start_ms * 1000 && row.model == truth.model &&
         row.request_tokens == truth.request_tokens &&
         row.response_tokens == truth.response_tokens && row.cost.value == truth.cost_micros &&
         row.latency_ms == truth.latency_ms && row.status_code == (truth.is_failure ? 500 : 200);
}

}  // namespace

void Checker::LearnTruths() {
  learned_.resize(kafka_.logs.size());
  for (std::size_t i = 0; i < learned_.size(); ++i) {
    const auto& records = kafka_.logs[i].records();
    for (; learned_[i] < records.size(); ++learned_[i]) {
      for (const Truth& truth : records[learned_[i]].produced.truths) {
        if (truth.kind == Truth::Kind::kEvent) truths_.emplace(truth.id, truth);
      }
    }
  }
}

std::string Checker::Check() {
  LearnTruths();
  for (const auto& [partition, row] : database_.tables().offsets) {
    if (auto wrong = CheckAccounts(partition, row); !wrong.empty()) return wrong;
    if (is_replaced_) continue;  // WhatIsLeft finds what is lost
    if (auto wrong = CheckLost(partition, row); !wrong.empty()) return wrong;
  }
  if (auto wrong = CheckRows(); !wrong.empty()) return wrong;
  if (auto wrong = CheckTotals(); !wrong.empty()) return wrong;
  if (auto wrong = CheckRefusals(); !wrong.empty()) return wrong;
  if (auto wrong = CheckSums(); !wrong.empty()) return wrong;
  if (auto wrong = CheckHistory(); !wrong.empty()) return wrong;
  return CheckKafka();
}

// INV-1: the partition's own counts.
std::string Checker::CheckAccounts(PartitionId partition, const OffsetsRow& row) const {
  const auto& outcomes = row.outcomes;
  if (!outcomes.balances()) {
    return fmt::format("INV-1: partition {}: {} events are {} + {} + {} + {}", partition.value,
                       outcomes.events, outcomes.inserted, outcomes.duplicates,
                       outcomes.dead_lettered, outcomes.skipped);
  }
  if (is_replaced_) return {};
  std::vector<const LogRecord*> below;
  std::int64_t events = 0;
  std::int64_t skips = 0;
  for (const LogRecord* record :
       RecordsBelow(kafka_.log(partition), row.stored.next_offset, below)) {
    events += std::ssize(record->produced.truths);
    skips += std::ranges::count(record->produced.truths, Truth::Kind::kSkip, &Truth::kind);
  }
  const auto records = std::ssize(below);
  const bool has_gap = outcomes.gap_records != 0;
  const bool is_right =
      has_gap
          ? outcomes.records <= records && outcomes.events <= events && outcomes.skipped <= skips &&
                outcomes.records + outcomes.gap_records >= records &&
                outcomes.records + outcomes.gap_records <= row.stored.next_offset.value
          : outcomes.records == records && outcomes.events == events && outcomes.skipped == skips;
  if (is_right) return {};
  return fmt::format(
      "INV-1: partition {} below {}: {} records, {} events, {} skips in the log, but {}, {}, {} "
      "counted ({} in gaps)",
      partition.value, row.stored.next_offset.value, records, events, skips, outcomes.records,
      outcomes.events, outcomes.skipped, outcomes.gap_records);
}

bool Checker::IsAccounted(PartitionId partition, const LogRecord& record) const {
  const Tables& tables = database_.tables();
  for (std::uint32_t i = 0; i < record.produced.truths.size(); ++i) {
    const Truth& truth = record.produced.truths[i];
    if (truth.kind == Truth::Kind::kSkip) continue;
    const bool is_stored = truth.kind == Truth::Kind::kEvent &&
                           (tables.rows.contains(truth.id) || tables.cascaded.contains(truth.id));
    const LetterKey letter{partition, kafka_.topic_id, record.leader_epoch, record.offset, i};
    if (!is_stored && !tables.dead_letters.contains(letter)) return false;
  }
  return true;
}

// INV-1: nothing below next_offset is lost but what retention took.
std::string Checker::CheckLost(PartitionId partition, const OffsetsRow& row) const {
  std::vector<const LogRecord*> below;
  std::int64_t lost = 0;
  Offset last;
  for (const LogRecord* record :
       RecordsBelow(kafka_.log(partition), row.stored.next_offset, below)) {
    if (IsAccounted(partition, *record)) continue;
    ++lost;
    last = record->offset;
  }
  if (lost <= row.outcomes.gap_records) return {};
  return fmt::format("INV-1: partition {} is at {}, but {} records below are lost, {} the last",
                     partition.value, row.stored.next_offset.value, lost, last.value);
}

std::string Checker::CheckReplaced(PartitionId partition, const OffsetsRow& row) const {
  if (row.stored.topic_id != kafka_.topic_id) {
    return fmt::format("partition {} is at {} of {}, but that is {} now", partition.value,
                       row.stored.next_offset.value, row.stored.topic_id, kafka_.topic_id);
  }
  const FakeLog& log = kafka_.log(partition);
  for (const LogRecord& record : log.records()) {
    if (record.offset < log.watermarks().low || IsAccounted(partition, record)) continue;
    return fmt::format("record {} of partition {} is not accounted", record.offset.value,
                       partition.value);
  }
  return {};
}

// INV-4: what the partitions' counts say, all together, is what the tables hold.
std::string Checker::CheckTotals() const {
  const Tables& tables = database_.tables();
  EventCounts all;
  for (const auto& [partition, row] : tables.offsets) all.Add(row.outcomes);
  const std::int64_t rows = std::ssize(tables.rows) + tables.cascaded_count - tables.foreign_rows;
  if (all.inserted != rows) {
    return fmt::format("INV-4: {} rows were inserted by us, {} are counted", rows, all.inserted);
  }
  const std::int64_t again = all.dead_lettered - std::ssize(tables.dead_letters);
  if (again < 0 || (again > 0 && !is_replaced_)) {
    return fmt::format("INV-1: {} dead letters, {} are counted", tables.dead_letters.size(),
                       all.dead_lettered);
  }
  return {};
}

// INV-9: a failure that passes refuses nothing. That what is refused delays nothing else is checked
// by the end of the run: refused subscriptions stay refused.
std::string Checker::CheckRefusals() const {
  if (database_.has_refused) return {};
  const bool has_some = std::ranges::any_of(
      database_.tables().dead_letters,
      [](const auto& letter) { return letter.second == DeadLetterReason::kSubscriptionRejected; });
  return has_some ? "INV-9: no subscription was refused, but a dead letter says so" : "";
}

std::string Checker::CheckRows() const {
  const Tables& tables = database_.tables();
  std::set<Uuid> keys;
  for (const auto& [hash, key] : tables.api_keys) keys.insert(key.id);
  for (const auto& [id, row] : tables.rows) {
    if (row.copies != 1) return "INV-4: twice in usage_logs: " + id.ToString();
    const auto truth = truths_.find(id);
    if (truth == truths_.end() || !IsSame(row, truth->second)) {
      return "a row is not what was produced: " + id.ToString();
    }
    const Attribution& owner = row.owner;
    if (!tables.subscriptions.contains(owner.subscription_id)) {
      return "a row's subscription is gone: " + id.ToString();
    }
    if (!owner.api_key_id.is_nil() && !keys.contains(owner.api_key_id)) {
      return "a row's key is gone: " + id.ToString();
    }
    if (!owner.team_id.is_nil() && !tables.teams.contains(owner.team_id)) {
      return "a row's team is gone: " + id.ToString();
    }
  }
  return {};
}

// INV-2 and INV-3.
std::string Checker::CheckSums() {
  const Tables& tables = database_.tables();
  for (const auto& [id, row] : tables.rows) rollup_.Add({EventOf(row), row.owner});
  const aggregate::Deltas sums = rollup_.Take();
  if (sums.summaries.size() != tables.summaries.size()) {
    return fmt::format("INV-2: {} summaries, but the rows make {}", tables.summaries.size(),
                       sums.summaries.size());
  }
  for (const auto& sum : sums.summaries) {
    const auto found = tables.summaries.find(
        {sum.subscription_id, std::string(sum.model_id), sum.period_type, sum.period_start});
    if (found == tables.summaries.end() || found->second != sum.totals) {
      return fmt::format("INV-2: the {} of {} is not the sum of its rows", Name(sum.period_type),
                         sum.subscription_id.ToString());
    }
  }
  std::map<Uuid, aggregate::QuotaDelta> used;
  for (const auto& quota : sums.quotas) used.emplace(quota.subscription_id, quota);
  for (const auto& [id, subscription] : tables.subscriptions) {
    const auto& sum = used[id];
    if (subscription.used_requests + subscription.reset_requests != sum.requests ||
        subscription.used_tokens + subscription.reset_tokens != sum.tokens) {
      return fmt::format("INV-3: {} has used {} + {} requests, but has {} rows", id.ToString(),
                         subscription.reset_requests, subscription.used_requests, sum.requests);
    }
    const int is_suspended = subscription.is_suspended ? 1 : 0;
    if (subscription.suspensions - subscription.reactivations != is_suspended) {
      return "a suspension was not told exactly once: " + id.ToString();
    }
  }
  return {};
}

// INV-10. Keys and teams are left out: a row forgets those that are deleted, the history does not.
std::string Checker::CheckHistory() {
  const Tables& tables = database_.tables();
  const auto add = [this](const StoredRow& row) {
    if (row.is_foreign) return;
    const Attribution owner{.subscription_id = row.owner.subscription_id};
    for (int copy = 0; copy < row.copies; ++copy) days_.Add({EventOf(row), owner});
  };
  for (const auto& [id, row] : tables.rows) add(row);
  std::ranges::for_each(tables.cascaded_rows, add);
  std::map<HistoryKey, aggregate::DailyTotals> history;
  for (const auto& [key, totals] : tables.history) {
    history[{.day = key.day,
             .subscription_id = key.subscription_id,
             .api_key_id = {},
             .team_id = {},
             .model = key.model}]
        .Add(totals);
  }
  const std::vector<aggregate::DailyDelta> expected = days_.Take();
  if (expected.size() != history.size()) {
    return fmt::format("INV-10: {} days in the history, but the rows make {}", history.size(),
                       expected.size());
  }
  for (const aggregate::DailyDelta& day : expected) {
    const auto found = history.find(KeyOf(day.key));
    if (found == history.end() || found->second != day.totals) {
      return fmt::format("INV-10: day {} of {} is not the sum of its rows", day.key.day,
                         day.key.subscription_id.ToString());
    }
  }
  return {};
}

void Checker::NoteFailOver() {
  for (const auto& [partition, row] : database_.tables().offsets) {
    Offset& ahead = was_ahead_[partition];
    ahead = std::max(ahead, row.stored.next_offset);
  }
}

void Checker::NoteReplaced() {
  LearnTruths();
  learned_.assign(learned_.size(), 0);
  is_replaced_ = true;
}

// INV-7.
std::string Checker::CheckKafka() {
  if (is_replaced_)
    return {};  // a position in PostgreSQL may go back; WhatIsLeft compares at the end
  const Tables& tables = database_.tables();
  for (const auto& [partition, committed] : kafka_.group.committed()) {
    const auto row = tables.offsets.find(partition);
    const Offset next = row == tables.offsets.end() ? Offset{0} : row->second.stored.next_offset;
    const auto ahead = was_ahead_.find(partition);
    if (ahead != was_ahead_.end() && next >= ahead->second) was_ahead_.erase(ahead);
    const bool is_excused = was_ahead_.contains(partition) && committed <= was_ahead_[partition];
    if (committed > next && !is_excused) {
      return fmt::format("INV-7: Kafka's offset of partition {} is {}, PostgreSQL's {}",
                         partition.value, committed.value, next.value);
    }
  }
  return {};
}

std::string Checker::WhatIsLeft() const {
  const Tables& tables = database_.tables();
  for (std::size_t i = 0; i < kafka_.logs.size(); ++i) {
    const PartitionId partition{static_cast<std::int32_t>(i)};
    const Offset end = kafka_.logs[i].watermarks().high;
    const auto row = tables.offsets.find(partition);
    const Offset next = row == tables.offsets.end() ? Offset{-1} : row->second.stored.next_offset;
    if (is_replaced_ && row != tables.offsets.end()) {
      if (auto left = CheckReplaced(partition, row->second); !left.empty()) return left;
    }
    if (next != end) return fmt::format("partition {} is at {} of {}", i, next.value, end.value);
    const auto committed = kafka_.group.committed().find(partition);
    if (committed == kafka_.group.committed().end() || committed->second != next) {
      return fmt::format("Kafka has not heard of {} of partition {}", next.value, i);
    }
  }
  return {};
}

}  // namespace usage_ingest::sim
