#include "tests/sim/fake_database.h"

#include <fmt/format.h>

#include <algorithm>

#include "schema/check.h"
#include "schema/limits.h"

namespace usage_ingest::sim {
namespace {

bool Excludes(LockMode held, LockMode wanted) {
  if (held == LockMode::kUpdate || wanted == LockMode::kUpdate) return true;
  return held == LockMode::kNoKeyUpdate && wanted == LockMode::kNoKeyUpdate;
}

std::vector<SummaryKey> PeriodsOf(const StoredRow& row) {
  std::vector<SummaryKey> keys;
  for (const auto type :
       {aggregate::PeriodType::kDay, aggregate::PeriodType::kHour, aggregate::PeriodType::kMonth}) {
    keys.push_back(
        {row.owner.subscription_id, row.model, type, aggregate::PeriodStart(type, row.created_at)});
  }
  return keys;
}

}  // namespace

LockKey OffsetsLock(PartitionId partition) {
  LockKey key{LockKind::kOffsets, {}};
  key.id.bytes[15] = static_cast<std::uint8_t>(partition.value);
  return key;
}

SessionId FakeDatabase::Open() {
  sessions_[++last_session_];
  return last_session_;
}

void FakeDatabase::Close(SessionId session) {
  if (!is_open(session)) return;
  Rollback(session);
  sessions_.erase(session);
}

void FakeDatabase::CloseAll() {
  while (!sessions_.empty()) Close(sessions_.begin()->first);
}

void FakeDatabase::Begin(SessionId session) {
  Session& own = sessions_.at(session);
  USAGE_INGEST_CHECK(!own.transaction);
  own.transaction.emplace();
}

Transaction* FakeDatabase::transaction(SessionId session) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end() || !found->second.transaction) return nullptr;
  return &*found->second.transaction;
}

void FakeDatabase::Rollback(SessionId session) {
  sessions_.at(session).transaction.reset();
  ReleaseLocks(session);
}

void FakeDatabase::ReleaseLocks(SessionId session) {
  for (const LockKey& key : sessions_.at(session).locks) {
    auto& holders = locks_.at(key);
    std::erase_if(holders, [&](const auto& holder) { return holder.first == session; });
    if (holders.empty()) locks_.erase(key);
  }
  sessions_.at(session).locks.clear();
}

bool FakeDatabase::TryLock(SessionId session, const LockKey& key, LockMode mode) {
  auto& holders = locks_[key];
  bool is_held = false;
  for (auto& [holder, held] : holders) {
    if (holder == session) {
      is_held = true;
    } else if (Excludes(held, mode)) {
      return false;
    }
  }
  if (!is_held) sessions_.at(session).locks.push_back(key);
  holders.emplace_back(session, mode);
  return true;
}

SessionId FakeDatabase::HolderOf(const LockKey& key, SessionId except) const {
  const auto found = locks_.find(key);
  if (found == locks_.end()) return 0;
  for (const auto& [holder, mode] : found->second) {
    if (holder != except) return holder;
  }
  return 0;
}

void FakeDatabase::ApplyMoves(const Transaction& transaction) {
  for (const OffsetMove& move : transaction.moves) {
    OffsetsRow& row = tables_.offsets.at(move.partition);
    if (row.stored.next_offset != move.expected) {
      violated_(fmt::format("INV-5: partition {} was moved from {} to {} although it was at {}",
                            move.partition.value, move.expected.value, move.next.next_offset.value,
                            row.stored.next_offset.value));
    }
    row.stored = move.next;
  }
  for (const auto& [partition, outcomes] : transaction.outcomes) {
    tables_.offsets.at(partition).outcomes.Add(outcomes);
  }
}

void FakeDatabase::ApplyQuotas(const std::vector<aggregate::QuotaDelta>& quotas) {
  for (const auto& delta : quotas) {
    const auto found = tables_.subscriptions.find(delta.subscription_id);
    if (found == tables_.subscriptions.end()) continue;
    Subscription& subscription = found->second;
    subscription.used_requests += delta.requests;
    subscription.used_tokens += delta.tokens;
    // The seed's enforce_subscription_quota trigger.
    if (!subscription.is_suspended && subscription.used_requests > subscription.quota_requests) {
      subscription.is_suspended = true;
      ++subscription.suspensions;
    }
  }
}

void FakeDatabase::Commit(SessionId session) {
  const Transaction done = std::move(*transaction(session));
  ApplyMoves(done);
  for (const auto& [id, row] : done.rows) {
    const auto [place, is_new] = tables_.rows.emplace(id, row);
    if (!is_new) place->second.copies += row.copies;
  }
  for (const auto& [key, totals] : done.summaries) {
    if (done.overwrites_summaries) tables_.summaries[key] = {};
    tables_.summaries[key].Add(totals);
  }
  for (const auto& [key, totals] : done.history) tables_.history[key].Add(totals);
  ApplyQuotas(done.quotas);
  for (const auto& [key, reason] : done.dead_letters) tables_.dead_letters.emplace(key, reason);
  Rollback(session);  // gives the locks back; the writes are in
  NoteChange();
}

void FakeDatabase::Touch(SessionId session, pipeline::TimePoint now, bool is_copying) {
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  found->second.active_at = now;
  found->second.is_copying = is_copying;
}

void FakeDatabase::PassTime(pipeline::TimePoint now) {
  while (!late_commits_.empty() && late_commits_.begin()->first <= now) {
    const SessionId late = late_commits_.begin()->second;
    late_commits_.erase(late_commits_.begin());
    if (transaction(late) != nullptr) Commit(late);
    Close(late);
  }
  std::vector<SessionId> idle;
  for (const auto& [id, session] : sessions_) {
    const bool is_idle = session.transaction && !session.is_copying &&
                         now - session.active_at > limits::kIdleInTransactionTimeout;
    if (is_idle) idle.push_back(id);
  }
  for (const SessionId session : idle) Close(session);
}

bool FakeDatabase::is_silent(SessionId session, pipeline::TimePoint now) const {
  const auto found = sessions_.find(session);
  return found != sessions_.end() && found->second.transaction &&
         now - found->second.active_at > limits::kStalledSilentMax;
}

bool FakeDatabase::TryDeleteSubscription(Uuid id) {
  if (is_locked({LockKind::kParent, id})) return false;
  tables_.subscriptions.erase(id);
  // ON DELETE CASCADE
  std::erase_if(tables_.rows, [&](const auto& row) {
    if (row.second.owner.subscription_id != id) return false;
    tables_.cascaded.insert(row.first);
    tables_.cascaded_rows.push_back(row.second);
    tables_.cascaded_count += row.second.copies;
    return true;
  });
  std::erase_if(tables_.summaries,
                [&](const auto& summary) { return summary.first.subscription_id == id; });
  if (tables_.deletes_history) {
    std::erase_if(tables_.history,
                  [&](const auto& day) { return day.first.subscription_id == id; });
  }
  NoteChange();
  return true;
}

bool FakeDatabase::TryInsertForeign(const Uuid& id, const StoredRow& row) {
  const Uuid& owner = row.owner.subscription_id;
  if (tables_.rows.contains(id) || is_locked({LockKind::kRow, id})) return false;
  if (is_locked({LockKind::kParent, owner}) || is_locked({LockKind::kSummary, owner})) return false;
  tables_.rows.emplace(id, row).first->second.is_foreign = true;
  const UsageEvent event = EventOf(row);
  for (const SummaryKey& key : PeriodsOf(row)) tables_.summaries[key].Add(event);
  ApplyQuotas({{owner, 1, event.total_tokens()}});
  ++tables_.foreign_rows;
  NoteChange();
  return true;
}

void FakeDatabase::FailOverTo(const Tables& replica) {
  CloseAll();
  tables_ = replica;
  NoteChange();
}

}  // namespace usage_ingest::sim
