#include "tests/sim/fake_kafka.h"

#include <algorithm>
#include <utility>

#include "ingest/pipeline/record.h"

namespace usage_ingest::sim {

void FakeLog::Append(ProducedRecord record, std::int64_t timestamp_ms, std::int64_t hole) {
  const Offset offset{log_.high.value + hole};
  records_.push_back({offset, timestamp_ms, leader_epoch_, std::move(record)});
  log_.high = Offset{offset.value + 1};
}

const LogRecord* FakeLog::Read(Offset offset) const {
  const Offset from = std::max(offset, log_.low);
  const auto found = std::ranges::lower_bound(records_, from, {}, &LogRecord::offset);
  return found == records_.end() ? nullptr : &*found;
}

FakeLog FakeLog::ElectUncleanly(Offset end) const {
  FakeLog next;
  next.log_ = {log_.low, log_.low};
  for (const LogRecord& record : records_) {
    if (record.offset >= end) break;
    next.records_.push_back(record);
    next.log_.high = std::max(log_.low, Offset{record.offset.value + 1});
  }
  next.leader_epoch_ = leader_epoch_ + 1;
  return next;
}

Offset FakeLog::EndOf(std::int32_t leader_epoch) const {
  const auto next = std::ranges::find_if(
      records_, [&](const LogRecord& record) { return record.leader_epoch > leader_epoch; });
  return next == records_.end() ? log_.high : next->offset;
}

kafka::client::EpochEnd FakeLog::FindEpochEnd(std::int32_t leader_epoch, Offset below) const {
  kafka::client::EpochEnd end{log_.low};
  for (const LogRecord& record : records_) {
    const bool is_within = record.offset >= log_.low && record.offset < below;
    if (!is_within || record.leader_epoch != leader_epoch) continue;
    end = {Offset{record.offset.value + 1}, pipeline::FingerprintOf(RecordOf(record))};
  }
  return end;
}

pipeline::Record RecordOf(const LogRecord& logged) {
  pipeline::Record record;
  record.offset = logged.offset;
  record.timestamp_ms = logged.timestamp_ms;
  record.leader_epoch = logged.leader_epoch;
  record.value = logged.produced.value;
  return record;
}

void FakeGroup::Join(MemberId member) {
  members_.insert(member);
  events_[member].clear();
  Rebalance();
}

void FakeGroup::Remove(MemberId member) {
  if (members_.erase(member) == 0) return;
  events_[member] = {GroupEvent{.is_lost = true}};
  if (waiting_for_.empty()) {
    Rebalance();
  } else {
    OnRevoked(member);  // the group no longer waits for it
  }
}

void FakeGroup::Rebalance() {
  if (!waiting_for_.empty()) return;  // one is going on
  for (const MemberId member : members_) {
    waiting_for_.insert(member);
    events_[member].push_back({.generation = generation_});
  }
}

std::optional<GroupEvent> FakeGroup::TakeEvent(MemberId member) {
  auto& events = events_[member];
  if (events.empty()) return std::nullopt;
  GroupEvent event = std::move(events.front());
  events.pop_front();
  return event;
}

void FakeGroup::OnRevoked(MemberId member) {
  if (waiting_for_.erase(member) != 0 && waiting_for_.empty()) AssignAll();
}

void FakeGroup::AssignAll() {
  ++generation_;
  if (members_.empty()) return;
  const std::vector<MemberId> owners(members_.begin(), members_.end());
  std::map<MemberId, std::vector<PartitionId>> shares;
  for (std::size_t i = 0; i < partitions_; ++i) {
    shares[owners[random_.Below(owners.size())]].push_back({static_cast<std::int32_t>(i)});
  }
  for (const MemberId member : members_) {
    events_[member].push_back(
        {.is_assigned = true, .generation = generation_, .partitions = shares[member]});
  }
}

bool FakeGroup::Commit(MemberId member, std::uint64_t generation, PartitionId partition,
                       Offset offset) {
  if (!members_.contains(member) || generation != generation_) return false;
  committed_[partition] = offset;
  ++commits_;
  return true;
}

}  // namespace usage_ingest::sim
