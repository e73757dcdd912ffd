#include "tests/sim/fake_consumer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "schema/check.h"

namespace usage_ingest::sim {

using kafka::consumer::AssignedPartition;
using pipeline::Record;

namespace {

// Adds the record's bytes to `total` until the record gives them back.
void CountWhileHeld(Record& record, std::size_t& total) {
  struct Held {
    std::size_t& total;
    std::size_t bytes;
  };
  total += record.value.size();
  record.Own(std::make_unique<Held>(total, record.value.size()).release(),
             [](void* handle) noexcept {
               const std::unique_ptr<Held> held(static_cast<Held*>(handle));
               held->total -= held->bytes;
             });
}

}  // namespace

bool FakeConsumer::Turn(TimePoint now) {
  bool did_something = ServeInbox(now);
  did_something |= ServeGroup();
  did_something |= ServeBroker();
  did_something |= WatchTopic();
  const bool may_check = stage_ == Stage::kReading && !has(PlantedBug::kWentBackUnnoticed);
  if (may_check && position_check_.IsDue(now, partitions_)) asks_postgres_ = true;
  if (asks_postgres_) did_something |= AnswerPositions();
  auto due = committer_.TakeDue(now);
  if (!due.empty()) {
    requests_.push_back({generation_, std::move(due)});
    did_something = true;
  }
  if (PushHeldBack()) did_something |= Poll();
  return did_something;
}

AssignedPartition* FakeConsumer::Find(const TopicPartition* source) {
  for (AssignedPartition& partition : partitions_) {
    if (partition.source() == source) return &partition;
  }
  return nullptr;
}

bool FakeConsumer::ServeInbox(TimePoint now) {
  bool any = false;
  pipeline::ConsumerMessage message;
  while (dependencies_.inbox.Take(message)) {
    any = true;
    if (const auto* committed = std::get_if<pipeline::Committed>(&message)) {
      if (committed->epoch != epoch()) continue;
      if (AssignedPartition* partition = Find(committed->source)) {
        partition->OnCommitted(committed->next_offset);
        committer_.Report(committed->source, committed->next_offset);
      }
    } else if (const auto* lost = std::get_if<pipeline::PositionsLost>(&message)) {
      if (lost->epoch == epoch() && stage_ == Stage::kReading) StartAnew();
    } else if (const auto* found = std::get_if<pipeline::PositionsFound>(&message)) {
      if (found->epoch == epoch()) OnPositions(found->positions, now);
    }
  }
  return any;
}

void FakeConsumer::OnPositions(const std::vector<StoredOffset>& stored, TimePoint now) {
  if (stage_ == Stage::kAskPostgres) {
    StartReading(stored);
    position_check_.Reset(now);
  } else if (position_check_.HasGoneBack(stored)) {
    StartAnew();
  }
}

// The client begins again with another topic, whose offsets Kafka does not have.
void FakeConsumer::AskForTopic() {
  if (std::exchange(topic_id_, dependencies_.kafka.topic_id) != topic_id_) committer_.Clear();
}

// As TopicWatch: some time after the topic has changed.
bool FakeConsumer::WatchTopic() {
  const bool is_other =
      topic_id_ != dependencies_.kafka.topic_id && !has(PlantedBug::kTopicIdIgnored);
  if (stage_ != Stage::kReading || !is_other) return false;
  if (!dependencies_.faults.random().PerThousand(100)) return false;
  StartAnew();
  return true;
}

bool FakeConsumer::ServeGroup() {
  const auto event = dependencies_.kafka.group.TakeEvent(dependencies_.member);
  if (!event) return false;
  if (event->is_assigned) {
    OnAssigned(*event);
  } else {
    OnRevoked(*event);
  }
  return true;
}

void FakeConsumer::OnAssigned(const GroupEvent& event) {
  AbandonEpoch();
  generation_ = event.generation;
  partitions_.clear();
  for (const PartitionId id : event.partitions) {
    const TopicPartition* source = table_.Intern(kTopic, id);
    partitions_.emplace_back(source, kafka::client::LaneOf(*source, dependencies_.lanes.size()));
  }
  asks_postgres_ = !partitions_.empty();
  AskForTopic();
  stage_ = asks_postgres_ ? Stage::kAskPostgres : Stage::kIdle;
}

void FakeConsumer::OnRevoked(const GroupEvent& event) {
  AbandonEpoch();
  if (!event.is_lost) {
    auto due = committer_.TakeAll();
    if (!due.empty()) requests_.push_back({generation_, std::move(due)});
  }
  committer_.Clear();
  partitions_.clear();
  stage_ = Stage::kIdle;
  if (event.is_lost) {
    dependencies_.kafka.group.Join(dependencies_.member);
  } else {
    while (!requests_.empty()) static_cast<void>(ServeBroker());  // sent before it answers
    dependencies_.kafka.group.OnRevoked(dependencies_.member);
  }
}

void FakeConsumer::AbandonEpoch() {
  epoch_.fetch_add(1);
  held_back_.reset();
  asks_postgres_ = false;
  positions_.reset();
}

void FakeConsumer::StartAnew() {
  AbandonEpoch();
  asks_postgres_ = true;
  AskForTopic();
  stage_ = Stage::kAskPostgres;
}

// The broker answers the oldest request for a commit, or it gets lost.
bool FakeConsumer::ServeBroker() {
  if (requests_.empty()) return false;
  const CommitRequest request = std::move(requests_.front());
  requests_.pop_front();
  bool succeeded = !dependencies_.faults.random().PerThousand(dependencies_.faults.per_thousand);
  for (const auto& [source, next] : request.offsets) {
    if (!succeeded) break;
    succeeded = dependencies_.kafka.group.Commit(dependencies_.member, request.generation,
                                                 source->partition, next);
  }
  if (dependencies_.faults.random().PerThousand(dependencies_.faults.per_thousand))
    return true;  // no answer
  committer_.OnAnswer(succeeded);
  return true;
}

// Reads the rows in one turn and gets the answer in a later one. In between another owner may
// commit.
bool FakeConsumer::AnswerPositions() {
  if (positions_) {
    dependencies_.inbox.Push(*std::exchange(positions_, std::nullopt));
    asks_postgres_ = false;
    return true;
  }
  if (dependencies_.faults.Draw() != Fault::kNone) return false;
  positions_.emplace(pipeline::PositionsFound{epoch(), {}});
  for (const AssignedPartition& partition : partitions_) {
    auto& offsets = dependencies_.database.tables().offsets;
    const auto [row, is_new] = offsets.try_emplace(partition.source()->partition);
    if (is_new) {
      row->second.stored.topic_id = topic_id_;
      dependencies_.database.NoteChange();
    }
    StoredOffset stored = row->second.stored;
    if (has(PlantedBug::kKafkasOffsetBelieved)) {
      stored = {dependencies_.kafka.group.CommittedOf(partition.source()->partition), {}};
    }
    positions_->positions.push_back(stored);
  }
  return true;
}

void FakeConsumer::StartReading(const std::vector<StoredOffset>& stored) {
  USAGE_INGEST_CHECK(stored.size() == partitions_.size());
  for (std::size_t i = 0; i < stored.size(); ++i) {
    AssignedPartition& partition = partitions_[i];
    const auto log = LogNowOf(*partition.source(), stored[i]);
    const kafka::consumer::StartPlan plan = kafka::consumer::PlanStart(stored[i], log);
    partition.Start(plan, stored[i]);
    PushStart(partition, stored[i]);
    if (plan.reason != kafka::consumer::StartReason::kContinue && !has(PlantedBug::kGapNotTold)) {
      PushGap(partition, plan);
    }
    committer_.Report(partition.source(), std::min(stored[i].next_offset, plan.deliver_from));
  }
  fetched_.clear();
  changed_logs_.clear();
  stage_ = Stage::kReading;
}

// As StartSequence::QueryLogs.
kafka::consumer::LogNow FakeConsumer::LogNowOf(const TopicPartition& source,
                                               const StoredOffset& stored) {
  const FakeLog& log = dependencies_.kafka.log(source.partition);
  kafka::consumer::LogNow now{.ends = log.watermarks(), .topic_id = topic_id_};
  if (has(PlantedBug::kTopicIdIgnored)) now.topic_id = stored.topic_id;
  const Offset next = stored.next_offset;
  const auto changed = changed_logs_.find(table_.Intern(kTopic, source.partition));
  const bool is_changed = changed != changed_logs_.end() && changed->second == next;
  if (!is_changed && next <= now.ends.high) return now;
  now.differs_from = now.ends.low;
  if (kafka::consumer::CanSearchByEpoch(stored, now.topic_id)) {
    const kafka::client::EpochEnd end = log.FindEpochEnd(stored.last_record->leader_epoch, next);
    now.differs_from = end.offset;
    now.last_same = end.last_record;
  }
  return now;
}

// What librdkafka reports: the position is outside of the log, or a new leader's log is another one
// below it (KIP-320).
bool FakeConsumer::IsOutside(const AssignedPartition& partition) {
  const FakeLog& log = dependencies_.kafka.log(partition.source()->partition);
  const auto [low, high] = log.watermarks();
  if (partition.position() < low || high < partition.position()) return true;
  const auto fetched = fetched_.find(partition.source());
  return !has(PlantedBug::kElectionUnnoticed) && fetched != fetched_.end() &&
         fetched->second < log.leader_epoch() && log.EndOf(fetched->second) < partition.position();
}

void FakeConsumer::PushStart(const AssignedPartition& partition, const StoredOffset& stored) {
  Record record;
  record.kind = Record::Kind::kStart;
  record.source = partition.source();
  record.epoch = epoch();
  record.offset = stored.next_offset;
  record.topic_id = table_.Intern(topic_id_);
  record.stored_topic_id = table_.Intern(stored.topic_id);
  record.last_record = stored.last_record;
  USAGE_INGEST_CHECK(dependencies_.lanes[partition.lane()].TryPush(record));
}

void FakeConsumer::PushGap(const AssignedPartition& partition,
                           const kafka::consumer::StartPlan& plan) {
  Record record;
  record.kind = Record::Kind::kGap;
  record.source = partition.source();
  record.epoch = epoch();
  record.offset = plan.deliver_from;
  record.gap_records = plan.gap_records;
  record.last_record = plan.expect_before;
  USAGE_INGEST_CHECK(dependencies_.lanes[partition.lane()].TryPush(record));
}

bool FakeConsumer::PushHeldBack() {
  if (held_back_ && dependencies_.lanes[held_back_lane_].TryPush(*held_back_)) held_back_.reset();
  return !held_back_;
}

bool FakeConsumer::Poll() {
  if (stage_ != Stage::kReading) return false;
  AssignedPartition& partition = dependencies_.faults.random().Pick(std::span(partitions_));
  FakeLog& log = dependencies_.kafka.log(partition.source()->partition);
  if (IsOutside(partition)) {
    StartAnew();
    return true;
  }
  // One record early, as a log is compared with what the offsets row remembers of it; sometimes
  // a record comes twice.
  const bool again = dependencies_.faults.random().PerThousand(100);
  const std::int64_t early = partition.position() == partition.committed() || again ? 1 : 0;
  Offset from{std::max<std::int64_t>(0, partition.position().value - early)};
  const Offset begin = partition.position();
  for (std::int64_t left = dependencies_.faults.random().Between(1, 6); left > 0; --left) {
    const LogRecord* logged = log.Read(from);
    if (logged == nullptr || !Deliver(partition, *logged)) break;
    from = Offset{logged->offset.value + 1};
  }
  return stage_ != Stage::kReading || begin < partition.position();
}

bool FakeConsumer::Deliver(AssignedPartition& partition, const LogRecord& logged) {
  Record record = RecordOf(logged);
  record.source = partition.source();
  record.epoch = epoch();
  fetched_[partition.source()] = logged.leader_epoch;
  switch (partition.Decide(record)) {
    case AssignedPartition::Decision::kDrop:
      return true;
    case AssignedPartition::Decision::kChangedLog:
      changed_logs_[partition.source()] = partition.position();
      StartAnew();
      return false;
    case AssignedPartition::Decision::kDeliver:
      break;
  }
  static_cast<void>(partition.Advance(record));
  CountWhileHeld(record, dependencies_.held_bytes.at(partition.lane()));
  if (has(PlantedBug::kKafkaAhead)) committer_.Report(partition.source(), partition.position());
  if (dependencies_.lanes[partition.lane()].TryPush(record)) return true;
  held_back_ = std::move(record);
  held_back_lane_ = partition.lane();
  return false;
}

}  // namespace usage_ingest::sim
