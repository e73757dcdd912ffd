// How reading begins and ends: rebalances, positions, the comparison with the log.
#include <spdlog/spdlog.h>

#include <algorithm>

#include "ingest/kafka/client/offset_query.h"
#include "ingest/kafka/consumer/consumer_loop.h"
#include "schema/check.h"

namespace usage_ingest::kafka::consumer {
namespace {

// Two of them and a poll must stay below max.poll.interval.ms, which config bounds from below.
constexpr auto kQueryTimeout = std::chrono::milliseconds(2000);

void SayHow(const TopicPartition& source, const StoredOffset& stored, const StartPlan& plan) {
  switch (plan.reason) {
    case StartReason::kContinue:
      spdlog::info("{}[{}]: reading from offset {}", source.topic, source.partition.value,
                   plan.deliver_from.value);
      return;
    case StartReason::kRetention:
      spdlog::error(
          "{}[{}]: {} records [{}, {}) are gone from Kafka before they were read: retention is "
          "shorter than the outage was; going on at {}",
          source.topic, source.partition.value, plan.gap_records, stored.next_offset.value,
          plan.deliver_from.value, plan.deliver_from.value);
      return;
    case StartReason::kNewLog:
      spdlog::error(
          "{}[{}]: this is not the log that was read up to offset {}: the topic was recreated, or "
          "its log was cut from above; reading it from its beginning, {}",
          source.topic, source.partition.value, stored.next_offset.value, plan.deliver_from.value);
      return;
  }
}

}  // namespace

void KafkaConsumer::Impl::OnRebalance(const client::Rebalance& rebalance) {
  if (rebalance.is_assigned) {
    OnAssigned(rebalance);
  } else {
    OnRevoked(rebalance);
  }
  links_.observer.GroupJoined(rebalance.is_assigned);
  links_.observer.Rebalanced(assignment_.sources());
}

void KafkaConsumer::Impl::OnAssigned(const client::Rebalance& rebalance) {
  spdlog::info("kafka group {}: {} partitions assigned", options_.group_id,
               rebalance.partitions.size());
  AbandonEpoch();
  assignment_.Set(rebalance.partitions);
  // Assigning nothing is an answer too. Were it put off until PostgreSQL has answered, the next
  // rebalance of the whole group would wait for us as long (rdkafka_cgrp.c: no REVOKE comes in
  // WAIT_ASSIGN_CALL), up to max.poll.interval.ms.
  if (auto assigned = client_->Assign({}); !assigned) Report(assigned.error());
  not_before_ = {};
  stage_ = assignment_.empty() ? Stage::kIdle : Stage::kAskKafka;
}

void KafkaConsumer::Impl::OnRevoked(const client::Rebalance& rebalance) {
  spdlog::info("kafka group {}: {} partitions {}", options_.group_id, rebalance.partitions.size(),
               rebalance.is_lost ? "lost" : "revoked");
  AbandonEpoch();
  if (!rebalance.is_lost) {
    const auto due = committer_.TakeAll();
    if (!due.empty()) {
      if (auto sent = client_->CommitAsync(due); !sent) Report(sent.error());
    }
  }
  committer_.Clear();
  assignment_.Set({});
  stage_ = Stage::kIdle;
  if (auto given_up = client_->GiveUp(); !given_up) Report(given_up.error());
}

void KafkaConsumer::Impl::AbandonEpoch() {
  // release: pairs with the lanes' acquire; whoever sees the new number drops the older records.
  epoch_.fetch_add(1, std::memory_order_release);
  held_back_.reset();
  ResumeAll();
  back_pressure_.Reset();
  stored_.clear();
}

void KafkaConsumer::Impl::StartAnew(std::string_view why, TimePoint now) {
  const auto delay = restart_delay_.Next(now);
  spdlog::warn("kafka group {}: starting all partitions anew in {} ms: {}", options_.group_id,
               delay.count(), why);
  AbandonEpoch();
  assignment_.Restart();
  if (auto assigned = client_->Assign({}); !assigned) Report(assigned.error());
  not_before_ = now + delay;
  stage_ = Stage::kAskKafka;
}

void KafkaConsumer::Impl::Advance(TimePoint now) {
  if (now < not_before_) return;
  if (stage_ == Stage::kAskKafka) AskKafka(now);
  if (stage_ == Stage::kCompare) Compare(now);
}

void KafkaConsumer::Impl::AskKafka(TimePoint now) {
  const auto topics = assignment_.topics();
  const auto counts = client::QueryPartitionCounts(client_->handle(), topics, kQueryTimeout);
  if (!counts) {
    Report(counts.error());
    not_before_ = now + restart_delay_.Next(now);
    return;
  }
  std::vector<const TopicPartition*> all;
  for (const auto& [topic, count] : *counts) {
    for (std::int32_t i = 0; i < count; ++i)
      all.push_back(assignment_.Intern(topic, PartitionId{i}));
  }
  const client::LogEnd end =
      options_.start == client::StartFrom::kEarliest ? client::LogEnd::kLow : client::LogEnd::kHigh;
  const auto offsets = client::QueryLogEnd(client_->handle(), all, end, kQueryTimeout);
  if (!offsets) {
    Report(offsets.error());
    not_before_ = now + restart_delay_.Next(now);
    return;
  }
  request_ = {epoch(), {assignment_.sources().begin(), assignment_.sources().end()}, {}};
  for (std::size_t i = 0; i < all.size(); ++i) {
    request_.first_offsets[all[i]->topic][all[i]->partition] = (*offsets)[i];
  }
  stage_ = Stage::kAskPostgres;
  links_.request_positions(request_);
}

void KafkaConsumer::Impl::Compare(TimePoint now) {
  const auto logs =
      client::QueryWatermarks(client_->handle(), assignment_.sources(), kQueryTimeout);
  if (!logs) {
    Report(logs.error());
    not_before_ = now + restart_delay_.Next(now);
    return;
  }
  client::PartitionOffsets starts;
  for (std::size_t i = 0; i < stored_.size(); ++i) {
    AssignedPartition& partition = assignment_.partitions()[i];
    const auto marked = new_logs_.find(partition.source());
    const bool is_new_log = marked != new_logs_.end() && marked->second == stored_[i].next_offset;
    const StartPlan plan = PlanStart(stored_[i], (*logs)[i], is_new_log);
    StartPartition(partition, stored_[i], plan);
    starts.emplace_back(partition.source(), plan.assign_at);
  }
  if (auto assigned = client_->Assign(starts); !assigned) {
    Report(assigned.error());
    StartAnew("the assignment failed", now);
    return;
  }
  new_logs_.clear();
  stored_.clear();
  position_check_.Restart(now);
  stage_ = Stage::kReading;
}

// The control records go out before the assign call, so they come before any record.
void KafkaConsumer::Impl::StartPartition(AssignedPartition& partition, const StoredOffset& stored,
                                         const StartPlan& plan) {
  SayHow(*partition.source(), stored, plan);
  partition.Start(plan, stored.next_offset);
  PushControl(partition, pipeline::Record::Kind::kStart, stored.next_offset, 0);
  if (plan.reason != StartReason::kContinue) {
    PushControl(partition, pipeline::Record::Kind::kGap, plan.deliver_from, plan.gap_records);
    AnnounceGap(*partition.source(), stored.next_offset, plan.gap_records);
  }
  // Also when Kafka's is ahead, after a database that went back (INV-7).
  committer_.Report(partition.source(), stored.next_offset);
}

void KafkaConsumer::Impl::AnnounceGap(const TopicPartition& source, Offset next_offset,
                                      std::int64_t records) {
  auto& [seen_offset, seen_records] = announced_gaps_[&source];
  const std::int64_t known = seen_offset == next_offset ? seen_records : 0;
  if (records > known) links_.observer.OffsetGap(source, records - known);
  seen_offset = next_offset;
  seen_records = std::max(records, known);
}

void KafkaConsumer::Impl::PushControl(const AssignedPartition& partition,
                                      pipeline::Record::Kind kind, Offset offset,
                                      std::int64_t gap_records) {
  pipeline::Record record;
  record.kind = kind;
  record.source = partition.source();
  record.epoch = epoch();
  record.offset = offset;
  record.gap_records = gap_records;
  USAGE_INGEST_CHECK(links_.lanes[partition.lane()].TryPush(record));  // never refused
}

}  // namespace usage_ingest::kafka::consumer
