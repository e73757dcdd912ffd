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

// Between two looks at the inbox; small beside what a lane's queue holds.
constexpr int kPollsPerTurn = 512;
// While an answer is awaited, or paused queues may have room again.
constexpr auto kShortPoll = std::chrono::milliseconds(5);
constexpr auto kNap = std::chrono::milliseconds(1);
constexpr auto kLagInterval = std::chrono::seconds(1);
// A fetcher that found the prefetch queue full, or a group that is not joined, looks again after
// this at the latest.
constexpr auto kWakeInterval = std::chrono::milliseconds(20);
constexpr auto kCloseTimeout = std::chrono::seconds(5);

}  // namespace

KafkaConsumer::Impl::Impl(client::KafkaOptions options, Links links,
                          std::unique_ptr<client::GroupClient> client)
    : options_(std::move(options)),
      links_(std::move(links)),
      client_(std::move(client)),
      assignment_(links_.lanes.size()),
      position_check_(options_.position_check_interval) {
  USAGE_INGEST_CHECK(!links_.lanes.empty());
}

Result<> KafkaConsumer::Impl::Run(const std::stop_token& stop) {
  if (auto subscribed = client_->Subscribe(options_.topics); !subscribed) return subscribed;
  while (!stop.stop_requested() && !client_->events().fatal()) {
    Turn(std::chrono::steady_clock::now());
  }
  Shutdown();
  const auto& fatal = client_->events().fatal();
  return fatal ? Result<>(std::unexpected(*fatal)) : Result<>();
}

void KafkaConsumer::Impl::Turn(TimePoint now) {
  ++turn_;
  ServeInbox(now);
  if (const auto rebalance = client_->events().TakeRebalance()) OnRebalance(*rebalance);
  if (const auto answer = client_->events().TakeCommitAnswer()) committer_.OnAnswer(*answer);
  Advance(now);
  CommitDue(now);
  CheckPositions(now);
  ReportLag(now);
  WakeGroup(now);
  if (PushHeldBack(now)) PollSome();
}

void KafkaConsumer::Impl::Shutdown() {
  ServeInbox(std::chrono::steady_clock::now());
  held_back_.reset();
  const auto due = committer_.TakeAll();
  if (!due.empty() && !client_->events().fatal()) {
    if (auto sent = client_->CommitAsync(due); !sent) Report(sent.error());
  }
  epoch_.fetch_add(1, std::memory_order_release);  // pairs with the lanes' acquire
  client_->Close(std::chrono::steady_clock::now() + kCloseTimeout);
}

// True: go on to poll. Deals with the record that a lane refused, and with being paused.
bool KafkaConsumer::Impl::PushHeldBack(TimePoint now) {
  if (held_back_ && links_.lanes[held_back_lane_].TryPush(*held_back_)) held_back_.reset();
  switch (held_back_ ? back_pressure_.OnRefused(now)
                     : back_pressure_.OnAccepted(are_queues_below_half())) {
    case BackPressure::Do::kNothing:
    case BackPressure::Do::kPoll:
      return true;
    case BackPressure::Do::kNap:
      std::this_thread::sleep_for(kNap);
      return false;
    case BackPressure::Do::kPause:
      PauseAll();
      return true;
    case BackPressure::Do::kResume:
      ResumeAll();
      return true;
  }
  return true;
}

void KafkaConsumer::Impl::PollSome() {
  const bool is_waiting = stage_ != Stage::kReading || back_pressure_.is_paused();
  std::chrono::milliseconds timeout = is_waiting ? kShortPoll : limits::kPollTimeout;
  const pipeline::Epoch begun_in = epoch();
  for (int polls = 0; polls < kPollsPerTurn; ++polls) {
    client::MessageHandle message = client_->Poll(timeout);
    if (message == nullptr) return;
    OnMessage(std::move(message));
    if (held_back_ || epoch() != begun_in) break;
    timeout = std::chrono::milliseconds(0);
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - last_wake_ < kWakeInterval) return;
  last_wake_ = now;
  client_->WakeFetchers();
}

void KafkaConsumer::Impl::WakeGroup(TimePoint now) {
  if (stage_ != Stage::kIdle || now - last_wake_ < kWakeInterval) return;
  last_wake_ = now;
  client_->WakeGroup();
}

void KafkaConsumer::Impl::OnMessage(client::MessageHandle message) {
  if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) return OnMessageError(*message);
  if (stage_ != Stage::kReading) return;  // of an assignment that is over
  AssignedPartition* partition = assignment_.Find(*message);
  if (partition == nullptr) return;
  pipeline::Record record = client::MakeRecord(std::move(message), partition->source(), epoch());
  switch (partition->Judge(record)) {
    case AssignedPartition::Verdict::kDrop:
      return;
    case AssignedPartition::Verdict::kNewLog:
      new_logs_[partition->source()] = partition->position();
      StartAnew(fmt::format("record {} of {}[{}] is not the one that was read before",
                            record.offset.value, partition->source()->topic,
                            partition->source()->partition.value),
                std::chrono::steady_clock::now());
      return;
    case AssignedPartition::Verdict::kDeliver:
      return Deliver(*partition, std::move(record));
  }
}

void KafkaConsumer::Impl::Deliver(AssignedPartition& partition, pipeline::Record record) {
  if (held_back_) {
    // Paused, and yet it came. There is no place for it, and what is dropped must be read again.
    return StartAnew("a paused partition was read", std::chrono::steady_clock::now());
  }
  partition.Advance(record.offset);
  if (std::exchange(partition.sampled_turn, turn_) != turn_) {
    partition.Sample(record.offset, record.timestamp_ms);
  }
  if (links_.lanes[partition.lane()].TryPush(record)) return;
  held_back_ = std::move(record);
  held_back_lane_ = partition.lane();
}

void KafkaConsumer::Impl::OnMessageError(const rd_kafka_message_t& message) {
  const auto now = std::chrono::steady_clock::now();
  if (message.err == RD_KAFKA_RESP_ERR__FATAL) {
    return client_->events().ReportFatal(client_->handle());
  }
  const std::string where =
      message.rkt == nullptr ? std::string("kafka")
                             : fmt::format("{}[{}] at offset {}", rd_kafka_topic_name(message.rkt),
                                           message.partition, message.offset);
  const std::string text = fmt::format("{}: {}", where, rd_kafka_message_errstr(&message));
  if (message.err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
    // Retention has overtaken us, or the topic is a new one: Compare finds out.
    if (stage_ == Stage::kReading) StartAnew(text, now);
    return;
  }
  // A partition that fails is no reason to end: somebody may be mending it.
  Report({ErrorCode::kUnavailable, text});
  if (client::ToErrorCode(message.err) == ErrorCode::kBadRecord && stage_ == Stage::kReading) {
    // librdkafka goes on behind the batch that it could not read (rdkafka_msgset_reader.c). We must
    // not: it is tried again until somebody mends the log, and lag tells that it stands still.
    StartAnew(text, now);
  }
}

void KafkaConsumer::Impl::PauseAll() {
  paused_.assign(assignment_.sources().begin(), assignment_.sources().end());
  const auto now = std::chrono::steady_clock::now();
  pause_reason_ = now - last_committed_ < limits::kFullQueueWaitMax
                      ? pipeline::PauseReason::kMemory
                      : pipeline::PauseReason::kPostgres;
  if (auto paused = client_->Pause(paused_); !paused) Report(paused.error());
  links_.observer.Paused(pause_reason_, true);
}

void KafkaConsumer::Impl::ResumeAll() {
  if (paused_.empty()) return;
  if (auto resumed = client_->Resume(paused_); !resumed) Report(resumed.error());
  paused_.clear();
  links_.observer.Paused(pause_reason_, false);
}

bool KafkaConsumer::Impl::are_queues_below_half() const {
  return std::ranges::all_of(links_.lanes, &pipeline::LaneQueue::Producer::is_below_half);
}

void KafkaConsumer::Impl::ServeInbox(TimePoint now) {
  pipeline::ConsumerMessage message;
  while (links_.inbox.Take(message)) {
    if (const auto* committed = std::get_if<pipeline::Committed>(&message)) {
      last_committed_ = now;
      if (committed->epoch != epoch()) continue;
      if (auto* partition = assignment_.Find(committed->source)) {
        partition->OnCommitted(committed->next_offset);
        committer_.Report(committed->source, committed->next_offset);
      }
    } else if (const auto* lost = std::get_if<pipeline::PositionsLost>(&message)) {
      if (lost->epoch == epoch() && stage_ == Stage::kReading) StartAnew(lost->why, now);
    } else if (auto* found = std::get_if<pipeline::PositionsFound>(&message)) {
      if (found->epoch == epoch()) OnPositions(std::move(*found), now);
    }
  }
}

void KafkaConsumer::Impl::OnPositions(pipeline::PositionsFound found, TimePoint now) {
  USAGE_INGEST_CHECK(found.positions.size() == assignment_.sources().size());
  if (stage_ == Stage::kAskPostgres) {
    stored_ = std::move(found.positions);
    stage_ = Stage::kCompare;
  } else if (position_check_.HasGoneBack(found.positions)) {
    StartAnew("PostgreSQL went back: it holds less than was committed", now);
  }
}

void KafkaConsumer::Impl::CheckPositions(TimePoint now) {
  if (stage_ != Stage::kReading) return;
  if (position_check_.IsDue(now, assignment_.partitions())) links_.request_positions(request_);
}

void KafkaConsumer::Impl::CommitDue(TimePoint now) {
  const auto due = committer_.TakeDue(now);
  if (due.empty()) return;
  if (auto sent = client_->CommitAsync(due); !sent) {
    Report(sent.error());
    committer_.OnAnswer(false);
  }
}

void KafkaConsumer::Impl::ReportLag(TimePoint now) {
  if (stage_ != Stage::kReading || now - last_lag_ < kLagInterval) return;
  last_lag_ = now;
  for (const AssignedPartition& partition : assignment_.partitions()) {
    const auto log = client_->CachedWatermarks(*partition.source());
    if (!log) continue;
    links_.observer.Lag(*partition.source(),
                        {.high_watermark = std::max(log->high, partition.position()),
                         .position = partition.position(),
                         .committed = partition.committed(),
                         .oldest_uncommitted_ms = partition.oldest_uncommitted_ms()});
  }
}

}  // namespace usage_ingest::kafka::consumer
