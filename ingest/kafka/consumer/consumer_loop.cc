#include "ingest/kafka/consumer/consumer_loop.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "ingest/kafka/client/kafka_error.h"
#include "ingest/kafka/client/message_record.h"
#include "schema/check.h"
#include "schema/limits.h"

namespace usage_ingest::kafka::consumer {
namespace {

using RecordKind = pipeline::Record::Kind;

// Between two looks at the inbox; few compared to what a lane's queue holds.
constexpr int kPollsPerTurn = 512;
// While an answer is awaited, or paused queues may have room again.
constexpr auto kShortPoll = std::chrono::milliseconds(5);
constexpr auto kWaitForLane = std::chrono::milliseconds(1);
// While the group is not joined.
constexpr auto kWakeInterval = std::chrono::milliseconds(20);
constexpr auto kCloseTimeout = std::chrono::seconds(5);

}  // namespace

ConsumerLoop::ConsumerLoop(client::KafkaOptions options, Dependencies dependencies,
                           std::unique_ptr<client::GroupClient> client)
    : options_(std::move(options)),
      inbox_(dependencies.inbox),
      request_positions_(std::move(dependencies.request_positions)),
      telemetry_(dependencies.telemetry),
      client_(std::move(client)),
      feeder_(std::move(dependencies.lanes)),
      assignment_(feeder_.lanes()),
      log_queries_(*client_, options_),
      start_(log_queries_),
      topic_watch_(log_queries_),
      coverage_(*client_, options_.group_id),
      start_reporter_(telemetry_),
      pauser_(*client_, telemetry_),
      stuck_(*client_, telemetry_),
      lag_reporter_(*client_, telemetry_, stuck_),
      position_check_(options_.position_check_interval) {}

Result<> ConsumerLoop::Run(const std::stop_token& stop) noexcept {
  if (auto subscribed = client_->Subscribe(options_.topics); !subscribed) return subscribed;
  while (!stop.stop_requested() && !client_->events().fatal()) {
    Turn(std::chrono::steady_clock::now());
  }
  Shutdown();
  const auto& fatal = client_->events().fatal();
  return fatal ? Result<>(std::unexpected(*fatal)) : Result<>();
}

void ConsumerLoop::Turn(TimePoint now) {
  ++turn_;
  ServeInbox(now);
  if (const auto rebalance = client_->events().TakeRebalance()) OnRebalance(*rebalance);
  if (const auto answer = client_->events().TakeCommitAnswer()) committer_.OnAnswer(*answer);
  AdvanceStart(now);
  WatchTopics(now);
  CommitDue(now);
  if (start_.is_reading()) {
    if (position_check_.IsDue(now, assignment_.partitions())) request_positions_(start_.request());
    lag_reporter_.ReportWhenDue(now, assignment_.partitions(), feeder_.is_paused());
    if (!feeder_.is_paused()) stuck_.RetryDue(now, assignment_.partitions());
  }
  WakeGroup(now);
  if (!ApplyBackPressure(now)) return;
  PollSome();
  stuck_.PauseFailed(now);
}

void ConsumerLoop::Shutdown() {
  ServeInbox(std::chrono::steady_clock::now());
  feeder_.Reset();
  const auto due = committer_.TakeAll();
  if (!due.empty() && !client_->events().fatal()) {
    client_->ReportFailure(client_->CommitAsync(due));
  }
  assignment_.EndEpoch();
  client_->Close(std::chrono::steady_clock::now() + kCloseTimeout);
}

void ConsumerLoop::OnRebalance(const client::Rebalance& rebalance) {
  if (rebalance.is_assigned) {
    OnAssigned(rebalance);
  } else {
    OnRevoked(rebalance);
  }
  stuck_.KeepOnly(assignment_.sources());
  telemetry_.On(pipeline::GroupMembership{rebalance.is_assigned});
  telemetry_.On(pipeline::PartitionsAssigned{assignment_.sources()});
}

void ConsumerLoop::OnAssigned(const client::Rebalance& rebalance) {
  spdlog::info("kafka group {}: {} partitions assigned", options_.group_id,
               rebalance.partitions.size());
  EndEpoch();
  assignment_.Set(rebalance.partitions);
  // Answer with an empty list now. If we waited for PostgreSQL first, the next rebalance of the
  // group would wait for us, up to max.poll.interval.ms (rdkafka_cgrp.c: no revocation is delivered
  // in WAIT_ASSIGN_CALL).
  client_->ReportFailure(client_->Assign({}));
  start_.Start(assignment_.epoch(), assignment_.sources());
}

void ConsumerLoop::OnRevoked(const client::Rebalance& rebalance) {
  spdlog::info("kafka group {}: {} partitions {}", options_.group_id, rebalance.partitions.size(),
               rebalance.is_lost ? "lost" : "revoked");
  EndEpoch();
  if (!rebalance.is_lost) {
    const auto due = committer_.TakeAll();
    if (!due.empty()) client_->ReportFailure(client_->CommitAsync(due));
  }
  committer_.Clear();
  assignment_.Set({});
  start_.Stop();
  client_->ReportFailure(client_->GiveUp());
}

void ConsumerLoop::EndEpoch() {
  assignment_.EndEpoch();
  pauser_.Resume(assignment_.sources());
  stuck_.OnNewEpoch();
  feeder_.Reset();
}

void ConsumerLoop::ReadAgain(std::string_view why, TimePoint now) {
  EndEpoch();
  assignment_.Reset();
  client_->ReportFailure(client_->Assign({}));
  const auto delay = start_.Restart(assignment_.epoch(), now);
  spdlog::warn("kafka group {}: re-reading all partitions from the stored offsets in {} ms: {}",
               options_.group_id, delay.count(), why);
}

void ConsumerLoop::WatchTopics(TimePoint now) {
  if (client_->events().TakeHasFailed()) topic_watch_.CheckSoon();
  if (const auto topic = topic_watch_.Check(now)) JoinAgain(*topic, TopicWatch::kFinding, now);
  const auto topic = start_.is_reading() ? coverage_.Check(now) : std::nullopt;
  if (topic) JoinAgain(*topic, GroupCoverage::kFinding, now);
}

// All of it: librdkafka mixes up what it knows of the old topic and of the new one.
void ConsumerLoop::JoinAgain(std::string_view topic, std::string_view why, TimePoint now) {
  spdlog::error("kafka group {}: topic {} {}; joining it again", options_.group_id, topic, why);
  EndEpoch();
  committer_.Clear();
  assignment_.Set({});
  start_.Stop();
  topic_watch_.Forget();
  stuck_.KeepOnly({});
  telemetry_.On(pipeline::GroupMembership{false});
  telemetry_.On(pipeline::PartitionsAssigned{assignment_.sources()});
  lag_reporter_.OnClientClosing();
  coverage_.OnClientClosing();
  auto reopened = client_->Reopen(now + kCloseTimeout);
  if (reopened) reopened = client_->Subscribe(options_.topics);
  client_->ReportFailure(reopened);
}

void ConsumerLoop::AdvanceStart(TimePoint now) {
  const auto step = start_.Advance(now);
  if (!step) return client_->ReportFailure(std::unexpected(step.error()));
  if (std::holds_alternative<StartSequence::AskPostgres>(*step)) {
    if (const auto topic = topic_watch_.Note(start_.request().topic_ids)) {
      return JoinAgain(*topic, TopicWatch::kFinding, now);
    }
    request_positions_(start_.request());
  } else if (const auto* starts = std::get_if<StartSequence::Assign>(&*step)) {
    AssignAsPlanned(*starts, now);
  }
}

void ConsumerLoop::AssignAsPlanned(const StartSequence::Assign& starts, TimePoint now) {
  client::PartitionOffsets offsets;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    AssignedPartition& partition = assignment_.partitions()[i];
    StartPartition(partition, starts[i]);
    offsets.emplace_back(partition.source(), starts[i].plan.assign_at);
  }
  if (auto assigned = client_->Assign(offsets); !assigned) {
    client_->ReportFailure(assigned);
    return ReadAgain("the assignment failed", now);
  }
  start_.OnAssigned();
  position_check_.Reset(now);
  lag_reporter_.Reset(now);
  coverage_.Start(start_.request().first_offsets, now);
}

// The control records are pushed before the assign call, so they precede every record.
void ConsumerLoop::StartPartition(AssignedPartition& partition,
                                  const StartSequence::PartitionStart& start) {
  const auto& [stored, plan, topic_id] = start;
  partition.Start(plan, stored);
  pipeline::Record begin = ControlRecord(partition, RecordKind::kStart, stored.next_offset);
  begin.topic_id = assignment_.Intern(topic_id);
  begin.stored_topic_id = assignment_.Intern(stored.topic_id);
  begin.last_record = stored.last_record;
  feeder_.PushControl(partition.lane(), std::move(begin));
  if (plan.reason != StartReason::kContinue) {
    pipeline::Record gap = ControlRecord(partition, RecordKind::kGap, plan.deliver_from);
    gap.gap_records = plan.gap_records;
    gap.last_record = plan.expect_before;
    feeder_.PushControl(partition.lane(), std::move(gap));
  }
  start_reporter_.Report(partition.source(), start);
  // Also when Kafka's offset is higher, after a database that lost commits (INV-7).
  committer_.Report(partition.source(), std::min(stored.next_offset, plan.deliver_from));
}

pipeline::Record ConsumerLoop::ControlRecord(const AssignedPartition& partition,
                                             pipeline::Record::Kind kind, Offset offset) const {
  pipeline::Record record;
  record.kind = kind;
  record.offset = offset;
  record.source = partition.source();
  record.epoch = assignment_.epoch();
  return record;
}

void ConsumerLoop::ServeInbox(TimePoint now) {
  pipeline::ConsumerMessage message;
  while (inbox_.Take(message)) {
    if (const auto* committed = std::get_if<pipeline::Committed>(&message)) {
      pauser_.OnCommitted(now);
      if (assignment_.OnCommitted(*committed)) {
        committer_.Report(committed->source, committed->next_offset);
      }
    } else if (const auto* lost = std::get_if<pipeline::PositionsLost>(&message)) {
      if (lost->epoch == assignment_.epoch() && start_.is_reading()) ReadAgain(lost->why, now);
    } else if (auto* found = std::get_if<pipeline::PositionsFound>(&message)) {
      if (found->epoch == assignment_.epoch()) OnPositions(std::move(*found), now);
    }
  }
}

void ConsumerLoop::OnPositions(pipeline::PositionsFound found, TimePoint now) {
  if (start_.stage() == StartSequence::Stage::kAskPostgres) {
    start_.OnPositions(std::move(found.positions));
  } else if (IsAhead(found.positions)) {
    ReadAgain("the stored offset was moved, for example by partitions skip", now);
  } else if (position_check_.HasGoneBack(found.positions)) {
    ReadAgain("PostgreSQL holds lower offsets than were committed", now);
  }
}

// Only the lanes of this process move the rows of its partitions, so the records between
// stored_max() and a higher offset were not read. Not exact: a batch of an earlier epoch, whose
// reply to COMMIT was lost, is known here only after its lane has asked again.
bool ConsumerLoop::IsAhead(std::span<const StoredOffset> stored) {
  const auto partitions = assignment_.partitions();
  USAGE_INGEST_CHECK(stored.size() == partitions.size());
  bool is_ahead = false;
  for (std::size_t i = 0; i < stored.size(); ++i) {
    const std::int64_t skipped = stored[i].next_offset.value - partitions[i].stored_max().value;
    if (skipped <= 0) continue;
    telemetry_.On(pipeline::OffsetGap{partitions[i].source(), skipped});
    is_ahead = true;
  }
  return is_ahead;
}

void ConsumerLoop::CommitDue(TimePoint now) {
  const auto due = committer_.TakeDue(now);
  if (due.empty()) return;
  if (auto sent = client_->CommitAsync(due); !sent) {
    client_->ReportFailure(sent);
    committer_.OnAnswer(false);
  }
}

// True: poll now.
bool ConsumerLoop::ApplyBackPressure(TimePoint now) {
  switch (feeder_.Retry(now)) {
    case BackPressure::Action::kContinue:
    case BackPressure::Action::kPoll:
      return true;
    case BackPressure::Action::kWait:
      std::this_thread::sleep_for(kWaitForLane);
      return false;
    case BackPressure::Action::kPause:
      pauser_.Pause(assignment_.sources(), now);
      return true;
    case BackPressure::Action::kResume:
      pauser_.Resume(assignment_.sources());
      stuck_.PauseAgain();
      return true;
  }
  return true;
}

void ConsumerLoop::PollSome() {
  const bool is_waiting = !start_.is_reading() || feeder_.is_paused();
  std::chrono::milliseconds timeout = is_waiting ? kShortPoll : limits::kPollTimeout;
  const pipeline::Epoch begun_in = assignment_.epoch();
  for (int polls = 0; polls < kPollsPerTurn; ++polls) {
    client::MessageHandle message = client_->Poll(timeout);
    if (message == nullptr) return;
    OnMessage(std::move(message));
    if (feeder_.has_held_back() || assignment_.epoch() != begun_in) break;
    timeout = std::chrono::milliseconds(0);
  }
}

void ConsumerLoop::WakeGroup(TimePoint now) {
  if (start_.stage() != StartSequence::Stage::kIdle || now - last_wake_ < kWakeInterval) return;
  last_wake_ = now;
  client_->WakeGroup();
}

void ConsumerLoop::OnMessage(client::MessageHandle message) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return OnMessageError(*message);
  if (!start_.is_reading()) return;  // prefetched by an assignment that is over
  AssignedPartition* partition = assignment_.Find(*message);
  if (partition == nullptr) return;
  if (!stuck_.empty()) {
    if (stuck_.Drops(*partition, Offset{message->offset})) return;
    stuck_.OnRead(partition->source());
  }
  pipeline::Record record =
      client::MakeRecord(std::move(message), partition->source(), assignment_.epoch());
  switch (partition->Decide(record)) {
    case AssignedPartition::Decision::kDrop:
      return;
    case AssignedPartition::Decision::kChangedLog:
      start_.MarkChangedLog(partition->source(), partition->position());
      return ReadAgain(fmt::format("record {} of {}[{}] is not the one that was read before",
                                   record.offset.value, partition->source()->topic,
                                   partition->source()->partition.value),
                       std::chrono::steady_clock::now());
    case AssignedPartition::Decision::kDeliver:
      return Deliver(*partition, std::move(record));
  }
}

void ConsumerLoop::Deliver(AssignedPartition& partition, pipeline::Record record) {
  if (feeder_.has_held_back()) {
    // It arrived although the partition is paused. There is no room for it, and a dropped record
    // must be read again.
    return ReadAgain("a paused partition was read", std::chrono::steady_clock::now());
  }
  if (partition.Advance(record)) topic_watch_.CheckSoon();
  partition.Sample(turn_, record.offset, record.timestamp_ms);
  feeder_.Push(partition.lane(), std::move(record));
}

void ConsumerLoop::OnMessageError(const rd_kafka_message_t& message) {
  if (message.err == RD_KAFKA_RESP_ERR__FATAL) {
    return client_->events().ReportFatal(client_->handle());
  }
  if (message.err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
    AssignedPartition* partition = start_.is_reading() ? assignment_.Find(message) : nullptr;
    if (partition != nullptr) OnEndReached(*partition, Offset{message.offset});
    return;
  }
  const std::string source =
      message.rkt == nullptr
          ? std::string("kafka")
          : fmt::format("{}[{}]", rd_kafka_topic_name(message.rkt), message.partition);
  const std::string at = message.offset < 0 ? "" : fmt::format(" at offset {}", message.offset);
  const std::string text = fmt::format("{}{}: {}", source, at, rd_kafka_message_errstr(&message));
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
    // Retention, a truncation or a new topic took our position: the start sequence finds out which.
    if (start_.is_reading()) ReadAgain(text, std::chrono::steady_clock::now());
    return;
  }
  // A partition that fails does not end the process: an operator may be repairing it. A damaged
  // batch has the code of an answer in another protocol, but the broker refuses nothing.
  const auto reason = client::StuckReasonOf(message.err);
  const bool is_damaged = reason == pipeline::StuckReason::kCorruptBatch;
  client_->events().Report({ErrorCode::kUnavailable, text},
                           fmt::format("{} {}", rd_kafka_err2name(message.err), source),
                           is_damaged ? RD_KAFKA_RESP_ERR_NO_ERROR : message.err);
  if (!reason || message.rkt == nullptr || !start_.is_reading()) return;
  if (AssignedPartition* partition = assignment_.Find(message)) {
    stuck_.OnError(*partition, *reason, Offset{message.offset}, rd_kafka_message_errstr(&message));
  }
}

void ConsumerLoop::OnEndReached(AssignedPartition& partition, Offset end) {
  if (stuck_.Drops(partition, end)) return;
  stuck_.OnRead(partition.source());
  if (feeder_.has_held_back()) {
    return ReadAgain("a paused partition was read", std::chrono::steady_clock::now());
  }
  if (!partition.OnEndReached(end)) return;
  // In order with the records, so that PostgreSQL's offset follows to the end of the log: what is
  // no record is neither lag nor, when retention removes it, a gap.
  feeder_.PushControl(partition.lane(), ControlRecord(partition, RecordKind::kHole, end));
}

}  // namespace usage_ingest::kafka::consumer
