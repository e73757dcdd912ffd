// What happens to the pipeline: the world around it, by chance.
#include <algorithm>

#include "tests/sim/simulation.h"

namespace usage_ingest::sim {
namespace {

constexpr std::size_t kProcessesMax = 7;
constexpr std::int64_t kRecordsMax = 90;

Uuid Numbered(std::uint8_t kind, std::uint8_t number) {
  Uuid id;
  id.bytes[0] = kind;
  id.bytes[15] = number;
  return id;
}

bool IsUsed(const FakeDatabase& database, const Uuid& parent) {
  return database.is_locked({LockKind::kParent, parent});
}

}  // namespace

void Simulation::CreateSubscription(const Uuid& user, const std::string& model) {
  Subscription subscription;
  subscription.user_id = user;
  subscription.model = model;
  subscription.quota_requests = random_.Between(5, 60);
  database_.tables().subscriptions.emplace(Numbered(0x30, ++next_subscription_), subscription);
}

void Simulation::Populate() {
  Tables& tables = database_.tables();
  tables.deletes_history = options_.bug == PlantedBug::kHistoryDeleted;
  for (std::size_t i = 0; i < kTeams; ++i) tables.teams.insert(TeamId(i));
  for (std::size_t i = 0; i < kUsers; ++i) {
    for (const std::string& model : Models()) CreateSubscription(UserId(i), model);
    tables.api_keys.emplace(
        KeyHash(i), ApiKey{Numbered(0x40, ++next_key_), UserId(i), i == 0 ? TeamId(0) : Uuid{}});
  }
  if (options_.seed % 2 == 1) tables.partition_unit = aggregate::PeriodType::kDay;
  tables.AddPartition(VirtualClock::kWallStart);
}

void Simulation::Happen() {
  const std::size_t what = random_.Below(1000);
  if (what < 450) return Produce();
  if (what < 490) return DisturbProcesses();
  if (what < 515) return DisturbGroup();
  if (what < 555) return DisturbDatabase();
  if (what < 610) return DisturbReferences();
  if (what < 640) return InsertForeign();
  if (what < 655 && replaces_logs_) return ReplaceLogs();
}

void Simulation::Produce() {
  for (std::int64_t left = random_.Between(1, 4); left > 0; --left) {
    if (result_.records == kRecordsMax) return;
    ++result_.records;
    const EventTimeUs now{VirtualClock::kWallStart.value + now_.time_since_epoch().count() / 1000};
    FakeLog& log = random_.Pick(std::span(kafka_.logs));
    const std::int64_t hole = random_.PerThousand(30) ? random_.Between(1, 3) : 0;
    log.Append(events_.Make(now), now.value / 1000, hole);
  }
}

// A zombie may have put a position into a log that is gone. That is noticed with the next record.
void Simulation::ProduceEverywhere() {
  for (FakeLog& log : kafka_.logs) {
    const EventTimeUs now{VirtualClock::kWallStart.value + now_.time_since_epoch().count() / 1000};
    ++result_.records;
    log.Append(events_.Make(now), now.value / 1000, 0);
  }
}

void Simulation::DisturbProcesses() {
  SimProcess& process = *processes_[random_.Below(processes_.size())];
  if (process.is_crashed) {
    if (processes_.size() < kProcessesMax) StartProcess();
    return;
  }
  switch (random_.Below(4)) {
    case 0:
      process.Crash();
      process.is_frozen = false;
      if (random_.PerThousand(500)) kafka_.group.Remove(process.member());
      if (processes_.size() < kProcessesMax) StartProcess();
      return;
    case 1:
    case 2:
      process.is_frozen = !process.is_frozen;
      return;
    default:
      process.ExpireAttribution();
  }
}

// The group moves on, sometimes without those that do not answer.
void Simulation::DisturbGroup() {
  for (const auto& process : processes_) {
    const bool is_silent = process->is_crashed || process->is_frozen;
    if (is_silent && random_.PerThousand(700)) kafka_.group.Remove(process->member());
  }
  if (random_.PerThousand(200)) {  // an unlucky heartbeat: left out while it runs
    kafka_.group.Remove(processes_[random_.Below(processes_.size())]->member());
  } else {
    kafka_.group.Rebalance();
  }
  if (random_.PerThousand(60)) {
    FakeLog& log = random_.Pick(std::span(kafka_.logs));
    const auto [low, high] = log.watermarks();
    log.Expire(Offset{random_.Between(low.value, high.value)});
  }
}

// The topic is recreated, or an election is unclean; what was lost may be refilled at once.
void Simulation::ReplaceLogs() {
  checker_.NoteReplaced();
  if (random_.PerThousand(500)) {
    kafka_.Recreate();
  } else {
    FakeLog& log = random_.Pick(std::span(kafka_.logs));
    const auto [low, high] = log.watermarks();
    kafka_.Replace(log, log.ElectUncleanly(Offset{random_.Between(low.value, high.value)}));
  }
  for (std::int64_t left = random_.Between(0, 5); left > 0; --left) Produce();
}

// One that puts a position back into another log is noticed with the next record: a run would not
// come to an end without one.
void Simulation::FailOver() {
  if (!replica_ || replaces_logs_) return;
  checker_.NoteFailOver();
  database_.FailOverTo(*replica_);
}

void Simulation::DisturbDatabase() {
  switch (random_.Below(6)) {
    case 0:
      replica_ = database_.tables();
      return;
    case 1:
      return FailOver();
    case 2:
      faults_.is_server_down = !faults_.is_server_down;
      if (faults_.is_server_down) database_.CloseAll();
      return;
    case 3:
      database_.CloseAll();
      return;
    default: {  // pg_terminate_backend
      const auto sessions = processes_[random_.Below(processes_.size())]->sessions();
      database_.Close(sessions[random_.Below(sessions.size())]);
    }
  }
}

void Simulation::ResetQuotas() {
  for (auto& [id, subscription] : database_.tables().subscriptions) {
    if (database_.is_locked({LockKind::kSummary, id})) continue;
    subscription.reset_requests += std::exchange(subscription.used_requests, 0);
    subscription.reset_tokens += std::exchange(subscription.used_tokens, 0);
    subscription.reactivations += std::exchange(subscription.is_suspended, false) ? 1 : 0;
  }
  database_.NoteChange();
}

void Simulation::DeleteReference() {
  Tables& tables = database_.tables();
  const std::size_t user = random_.Below(kUsers);
  const Uuid team = TeamId(random_.Below(kTeams));
  const auto key = tables.api_keys.find(KeyHash(user));
  if (random_.PerThousand(500)) {
    for (const auto& [id, subscription] : tables.subscriptions) {
      if (subscription.user_id != UserId(user)) continue;
      static_cast<void>(database_.TryDeleteSubscription(id));  // locked: it stays for now
      return;
    }
  } else if (key != tables.api_keys.end() && random_.PerThousand(500)) {
    if (IsUsed(database_, key->second.id)) return;
    for (auto& [id, row] : tables.rows) {  // ON DELETE SET NULL
      if (row.owner.api_key_id == key->second.id) row.owner.api_key_id = {};
    }
    tables.api_keys.erase(key);
  } else if (!IsUsed(database_, team)) {
    for (auto& [id, row] : tables.rows) {
      if (row.owner.team_id == team) row.owner.team_id = {};
    }
    for (auto& [hash, owner] : tables.api_keys) {
      if (owner.team_id == team) owner.team_id = {};
    }
    tables.teams.erase(team);
  }
  database_.NoteChange();
}

// A counter of a subscription is full, or a person has made room.
void Simulation::RefuseOrHeal() {
  if (!has_refusals_ || database_.tables().subscriptions.empty()) return;
  auto chosen = database_.tables().subscriptions.begin();
  std::advance(chosen, random_.Below(database_.tables().subscriptions.size()));
  database_.has_refused = true;
  if (database_.refused_subscriptions.erase(chosen->first) == 0) {
    database_.refused_subscriptions.insert(chosen->first);
  }
}

void Simulation::DisturbReferences() {
  Tables& tables = database_.tables();
  switch (random_.Below(5)) {
    case 4:
      return RefuseOrHeal();
    case 0:
      return DeleteReference();
    case 1:
      return ResetQuotas();
    case 2:
      CreateSubscription(UserId(random_.Below(kUsers)), Models()[random_.Below(2)]);
      tables.teams.insert(TeamId(random_.Below(kTeams)));
      for (std::size_t i = 0; i < kUsers; ++i) {
        tables.api_keys.try_emplace(KeyHash(i), ApiKey{Numbered(0x40, ++next_key_), UserId(i), {}});
      }
      for (SimProcess* process : Running()) process->ExpireAttribution();
      return database_.NoteChange();
    default:  // an operator drops a day that is empty
      std::erase_if(tables.days, [&](EventTimeUs day) {
        return random_.PerThousand(300) && std::ranges::none_of(tables.rows, [&](const auto& row) {
                 return aggregate::PeriodStart(aggregate::PeriodType::kDay,
                                               row.second.created_at) == day;
               });
      });
  }
}

// Another writer (a replay, a retried dead letter) has the row of a record in before us.
void Simulation::InsertForeign() {
  const auto& records = random_.Pick(std::span(kafka_.logs)).records();
  if (records.empty()) return;
  const LogRecord& record = records[random_.Below(records.size())];
  const Truth& truth = record.produced.truths.front();
  const Tables& tables = database_.tables();
  const auto owner = Attribute(tables, truth.key_hash, truth.team, truth.model);
  if (truth.kind != Truth::Kind::kEvent || !owner || truth.latency_ms == kRefusedLatencyMs) return;
  const std::int16_t status = truth.is_failure ? 500 : 200;
  const StoredRow row{.created_at = {truth.start_ms * 1000},
                      .model = truth.model,
                      .request_tokens = truth.request_tokens,
                      .response_tokens = truth.response_tokens,
                      .cost = {truth.cost_micros},
                      .latency_ms = truth.latency_ms,
                      .status_code = status,
                      .owner = *owner};
  static_cast<void>(database_.TryInsertForeign(truth.id, row));  // locked: it comes too late
}

void Simulation::HealAll() {
  faults_.per_thousand = 0;
  faults_.is_server_down = false;
  // Some stay stopped, in the middle of a transaction perhaps: the others must go on without them.
  for (const auto& process : processes_) {
    process->is_frozen = random_.PerThousand(process->is_frozen ? 500 : 300);
    if (process->is_frozen || process->is_crashed) kafka_.group.Remove(process->member());
  }
  if (Running().empty()) StartProcess();
}

// The worst zombie: it holds its offsets row, and no timeout of PostgreSQL 15 ends it.
void Simulation::StopAProcessInCopy() {
  Produce();
  for (int left = 300; left > 0; --left) {
    for (SimProcess* process : Running()) {
      const auto is_copying = [&](SessionId session) { return database_.is_copying(session); };
      if (!std::ranges::any_of(process->sessions(), is_copying)) continue;
      process->is_frozen = true;
      kafka_.group.Remove(process->member());
      if (Running().empty()) StartProcess();
      return;
    }
    if (!RunOne()) AdvanceTime();
  }
}

}  // namespace usage_ingest::sim
