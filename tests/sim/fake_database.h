#pragma once
// FakeDatabase: sessions, transactions and locks over Tables, as far as a batch can tell.
//
// Read committed: a transaction's writes are kept beside and put into the tables by Commit, all at
// once. What two transactions may not touch at the same time is guarded by locks, which are held to
// the transaction's end; waiting for one is the caller's business (fake_batch_store.cc), since only
// it knows how time passes.
//
// Owner         one simulation (or contract test).
// Source        PostgreSQL 15 manual, 13.3 "Explicit Locking", table 13.3 for the row lock modes.
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "ingest/pipeline/batch.h"
#include "ingest/pipeline/runtime.h"
#include "tests/sim/tables.h"

namespace usage_ingest::sim {

using SessionId = std::uint64_t;  // 0: none

enum class LockMode : unsigned char { kKeyShare, kNoKeyUpdate, kUpdate };
enum class LockKind : unsigned char { kOffsets, kParent, kRow, kSummary };
struct LockKey {
  LockKind kind{};
  Uuid id;
  friend auto operator<=>(const LockKey&, const LockKey&) = default;
};
[[nodiscard]] LockKey OffsetsLock(PartitionId partition);

struct OffsetMove {
  PartitionId partition;
  Offset expected;
  StoredOffset next;
};

// What a transaction has written and no other session sees yet.
struct Transaction {
  std::vector<OffsetMove> moves;
  std::map<Uuid, StoredRow> rows;
  std::vector<std::pair<SummaryKey, aggregate::Totals>> summaries;
  bool overwrites_summaries = false;  // a planted bug
  std::vector<std::pair<HistoryKey, aggregate::DailyTotals>> history;
  std::vector<aggregate::QuotaDelta> quotas;
  std::vector<std::pair<LetterKey, DeadLetterReason>> dead_letters;
  std::vector<std::pair<PartitionId, EventCounts>> outcomes;
};

class FakeDatabase {
 public:
  using OnViolation = std::function<void(const std::string&)>;
  explicit FakeDatabase(OnViolation on_violation) : violated_(std::move(on_violation)) {}

  [[nodiscard]] SessionId Open();
  // Ends the session and rolls its transaction back, as pg_terminate_backend does.
  void Close(SessionId session);
  void CloseAll();  // the server restarts
  [[nodiscard]] bool is_open(SessionId session) const { return sessions_.contains(session); }

  void Begin(SessionId session);
  [[nodiscard]] Transaction* transaction(SessionId session);
  void Rollback(SessionId session);
  // REQUIRES: a transaction is open.
  void Commit(SessionId session);
  // The client speaks, or hears an answer.
  void Touch(SessionId session, pipeline::TimePoint now, bool is_copying);
  [[nodiscard]] bool is_copying(SessionId session) const {
    const auto found = sessions_.find(session);
    return found != sessions_.end() && found->second.is_copying;
  }
  // In a transaction, and its client has said nothing for kStalledSilentMax.
  [[nodiscard]] bool is_silent(SessionId session, pipeline::TimePoint now) const;
  // The server goes on with a COMMIT whose client is gone: a synchronous standby was slow, say.
  void CommitAt(SessionId session, pipeline::TimePoint when) {
    late_commits_.emplace(when, session);
  }
  // What the server does by itself: those COMMITs, and idle_in_transaction_session_timeout, which
  // knows nothing of a client that stopped inside COPY.
  void PassTime(pipeline::TimePoint now);

  // False: another transaction holds it in a mode that excludes this one.
  [[nodiscard]] bool TryLock(SessionId session, const LockKey& key, LockMode mode);
  [[nodiscard]] SessionId HolderOf(const LockKey& key, SessionId except) const;
  [[nodiscard]] bool is_locked(const LockKey& key) const { return locks_.contains(key); }

  // What is committed. A caller that changes it calls NoteChange().
  [[nodiscard]] Tables& tables() { return tables_; }
  void NoteChange() { ++version_; }
  [[nodiscard]] std::uint64_t version() const { return version_; }

  // Whose sums are refused now, and whether any ever were.
  std::set<Uuid> refused_subscriptions;
  bool has_refused = false;

  // A statement of LiteMaaS. False: a session holds a lock, try later.
  bool TryDeleteSubscription(Uuid id);  // by value: the key of what it erases, often
  bool TryInsertForeign(const Uuid& id, const StoredRow& row);
  // The primary is gone, and the replica has not seen everything.
  void FailOverTo(const Tables& replica);

 private:
  struct Session {
    std::optional<Transaction> transaction;
    std::vector<LockKey> locks;
    pipeline::TimePoint active_at;
    bool is_copying = false;
  };
  void ReleaseLocks(SessionId session);
  void ApplyMoves(const Transaction& transaction);
  void ApplyQuotas(const std::vector<aggregate::QuotaDelta>& quotas);

  OnViolation violated_;
  Tables tables_;
  std::map<SessionId, Session> sessions_;
  std::map<LockKey, std::vector<std::pair<SessionId, LockMode>>> locks_;
  std::multimap<pipeline::TimePoint, SessionId> late_commits_;
  SessionId last_session_ = 0;
  std::uint64_t version_ = 0;
};

}  // namespace usage_ingest::sim
