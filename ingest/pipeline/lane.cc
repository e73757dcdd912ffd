#include "ingest/pipeline/lane.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

namespace usage_ingest::pipeline {
namespace {

// Records decoded before the sockets get a turn: some 100 us, well below a round trip's worth.
constexpr std::size_t kChunkRecords = 64;
constexpr auto kFarAway = std::chrono::hours(1);
// A transaction that was too large is divided by this: a timeout is too long to try halves.
constexpr std::size_t kTooLargeDivisor = 16;
// A batch with so few elements after this part of the linger would have few after all of it: the
// wait saves PostgreSQL 0.1 of a core at most, and each event is seen later. p50 at 100 events/s
// was 0.16 s and is 0.06 s (`bench/run --only latency`).
constexpr std::size_t kFewElements = 16;
constexpr int kFewElementsLingerDivisor = 4;

std::chrono::milliseconds LingerOf(const Batch& batch, std::chrono::milliseconds linger) {
  return batch.elements() < kFewElements ? linger / kFewElementsLingerDivisor : linger;
}

}  // namespace

Lane::Lane(LaneOptions options, LaneQueue::Consumer queue, LaneDependencies dependencies,
           const Runtime& runtime)
    : options_(std::move(options)),
      queue_(std::move(queue)),
      dependencies_(dependencies),
      runtime_(runtime),
      assembler_(options_.decoder, runtime.clock, dependencies.current_epoch),
      attributor_(
          options_.attribution_entries_max,
          [this](std::string_view value, std::uint32_t index) {
            return assembler_.DeadLetterPayload(value, index);
          },
          [this] {
            keeper_.ReleaseKnown(*building_);
            assemble_.Notify();
          }),
      keeper_(attributor_, options_.writer.can_read_less),
      writer_(options_.writer, dependencies.store, attributor_, dependencies.telemetry, runtime),
      elements_max_(options_.transaction_rows_max),
      assemble_(runtime),
      write_(runtime) {}

void Lane::Wake() {
  boost::asio::post(runtime_.executor, [this] { assemble_.Notify(); });
}

void Lane::Stop() {
  boost::asio::post(runtime_.executor, [this] {
    stopping_ = true;
    writer_.Stop();
    assemble_.Notify();
    write_.Notify();
  });
}

void Lane::Finish() {
  boost::asio::post(runtime_.executor, [this] {
    finishing_ = true;
    assemble_.Notify();
  });
}

void Lane::ExpireAttribution() {
  boost::asio::post(runtime_.executor, [this] { attributor_.Expire(); });
}

Task<Result<>> Lane::Run() {
  boost::asio::co_spawn(runtime_.executor, Assemble(), boost::asio::detached);
  const Result<> written = co_await Write();
  stopping_ = true;
  assemble_.Notify();
  while (!assembled_) co_await write_.WaitUntil(runtime_.clock.Now() + kFarAway);
  co_return written;
}

Task<> Lane::Assemble() {
  while (!stopping_) {
    HandOverWhenDue();
    if (IsFull()) {
      co_await assemble_.WaitUntil(runtime_.clock.Now() + kFarAway);
      continue;
    }
    if (DecodeSome()) {
      co_await Yield(runtime_);
      continue;
    }
    if (finishing_ && !drained_) {
      drained_ = true;
      HandOverWhenDue();
      write_.Notify();
    }
    idle_.store(building_->empty() && writing_ == nullptr, std::memory_order_relaxed);
    if (queue_.PrepareSleep()) co_await assemble_.WaitUntil(NextDeadline());
  }
  assembled_ = true;
  write_.Notify();
}

// True: there may be more.
bool Lane::DecodeSome() {
  const TimePoint begin = runtime_.clock.Now();
  if (building_->empty()) building_since_ = begin;
  std::size_t decoded = 0;
  while (decoded < kChunkRecords && !IsFull() && DecodeOne()) ++decoded;
  if (decoded == 0) return waiting_.has_value();
  keeper_.KeepOrRelease(*building_);
  assembler_.RememberLastRecords(*building_);
  building_->decode_time += runtime_.clock.Now() - begin;
  progress_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

// False: the queue is empty, or the next record waits for the next batch.
bool Lane::DecodeOne() {
  if (!waiting_) {
    Record record;
    if (queue_.Pop(std::span(&record, 1)) == 0) return false;
    drained_ = false;
    idle_.store(false, std::memory_order_relaxed);
    record.counts_quotas = options_.counts_quotas;
    waiting_ = std::move(record);
  }
  if (!assembler_.Add(*building_, *waiting_, elements_max_)) return false;
  waiting_.reset();
  return true;
}

bool Lane::IsDue() const {
  if (building_->empty()) return false;
  // A full batch that is not due would stop decoding, and so nothing would make it due.
  if (IsFull() || drained_) return true;
  return building_->elements() >= options_.rows_max || building_->bytes >= options_.bytes_max ||
         runtime_.clock.Now() >= building_since_ + LingerOf(*building_, options_.linger);
}

bool Lane::IsFull() const {
  return building_->elements() >= elements_max_ || (waiting_ && !building_->empty()) ||
         building_->memory_bytes_max() >= options_.transaction_bytes_max;
}

TimePoint Lane::NextDeadline() const {
  const TimePoint now = runtime_.clock.Now();
  if (building_->empty() || writing_ != nullptr) return now + kFarAway;
  return building_since_ + LingerOf(*building_, options_.linger);
}

void Lane::HandOverWhenDue() {
  if (writing_ != nullptr || !IsDue()) return;
  writing_ = building_;
  building_ = building_ == &batches_[0] ? &batches_[1] : &batches_[0];
  write_.Notify();
}

Task<Result<>> Lane::Write() {
  for (;;) {
    if (writing_ == nullptr) {
      if (stopping_ || (drained_ && building_->empty())) co_return Result<>{};
      co_await write_.WaitUntil(runtime_.clock.Now() + kFarAway);
      continue;
    }
    const Result<> written = co_await WriteOne(*writing_);
    if (!written) co_return written;
    writing_->Clear();
    writing_ = nullptr;
    progress_.fetch_add(1, std::memory_order_relaxed);
    HandOverWhenDue();
    assemble_.Notify();
  }
}

// Without an error the batch is finished: committed, or left to another owner. An error ends the
// lane.
Task<Result<>> Lane::WriteOne(Batch& batch) {
  if (assembler_.IsStale(batch)) co_return Result<>{};
  const auto result = co_await writer_.Write(batch);
  if (result) {
    Report(batch, *result);
    Acknowledge(batch);
    keeper_.BatchCommitted();
    ReadMore();
    co_return Result<>{};
  }
  const Error& error = result.error();
  if (error.code == ErrorCode::kTooLarge) ReadLess(batch);
  if (error.code == ErrorCode::kFenced || error.code == ErrorCode::kRecordGone ||
      error.code == ErrorCode::kTooLarge) {
    ReadAgain(batch, error);
    co_return Result<>{};
  }
  if (error.code == ErrorCode::kShuttingDown) co_return Result<>{};
  co_return std::unexpected(error);
}

void Lane::ReadAgain(const Batch& batch, const Error& error) {
  if (error.code == ErrorCode::kFenced) {
    dependencies_.telemetry.On(Fenced{error.context});
  } else {
    if (error.code == ErrorCode::kRecordGone) keeper_.KeepForAWhile();
    dependencies_.telemetry.On(RereadRequested{error.context});
  }
  const Epoch epoch = batch.partitions.front().epoch;
  assembler_.Abandon(epoch);
  // One of a newer epoch is good, and would not be read again.
  if (assembler_.IsStale(*building_)) building_->Clear();
  dependencies_.inbox.Push(PositionsLost{epoch, error.context});
}

void Lane::ReadLess(const Batch& batch) {
  elements_max_ = std::max<std::size_t>(1, batch.elements() / kTooLargeDivisor);
}

// Slowly, since each transaction that is too large costs a timeout.
void Lane::ReadMore() {
  if (elements_max_ >= options_.transaction_rows_max) return;
  elements_max_ =
      std::min(options_.transaction_rows_max, elements_max_ + elements_max_ / kTooLargeDivisor + 1);
}

void Lane::Acknowledge(const Batch& batch) {
  for (const PartitionMove& move : batch.partitions) {
    dependencies_.inbox.Push(Committed{move.source, move.epoch, move.next_offset});
  }
}

void Lane::Report(const Batch& batch, const WriteResult& result) {
  std::vector<PartitionProgress> progress;
  progress.reserve(batch.partitions.size());
  for (const PartitionMove& move : batch.partitions) {
    progress.push_back({move.source, move.next_offset, move.outcomes});
  }
  const std::int64_t now_ms = runtime_.clock.WallNow().value / 1000;
  std::vector<std::int32_t> ages_ms;
  ages_ms.reserve(batch.record_times_ms.size());
  for (const std::int64_t time_ms : batch.record_times_ms) {
    if (time_ms <= 0) continue;  // Kafka's -1: the record has no timestamp
    ages_ms.push_back(
        static_cast<std::int32_t>(std::clamp<std::int64_t>(now_ms - time_ms, 0, 1'000'000'000)));
  }
  BatchCommitted committed;
  committed.lane = options_.index;
  committed.partitions = progress;
  committed.phase_time = result.phase_time;
  committed.phase_time[static_cast<std::size_t>(Phase::kDecode)] = batch.decode_time;
  committed.rows = static_cast<std::size_t>(result.outcomes.inserted);
  committed.bytes = batch.bytes;
  committed.dead_letters = batch.dead_letter_counts;
  committed.skipped = batch.skip_counts;
  committed.suspended = result.quotas.suspended;
  committed.quota_warnings = result.quotas.warnings;
  committed.staged = result.staged;
  committed.event_to_commit_ms = ages_ms;
  dependencies_.telemetry.On(committed);
}

}  // namespace usage_ingest::pipeline
