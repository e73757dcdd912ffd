#include "ingest/pipeline/lane.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/pipeline/lane_fixture.h"

namespace usage_ingest::pipeline {
namespace {

using namespace std::chrono_literals;

class RecordingSink final : public TelemetrySink {
 public:
  void On(const TelemetryEvent& event) override {
    if (std::holds_alternative<Fenced>(event)) ++fenced;
    if (const auto* batch = std::get_if<BatchCommitted>(&event)) {
      for (const auto& partition : batch->partitions) counts.Add(partition.counts);
      latency_samples += batch->event_to_commit_ms.size();
    }
  }

  EventCounts counts;
  std::size_t latency_samples = 0;

  int fenced = 0;
};

// Takes everything, but fences the batches of the first epoch, and that when it is told to.
class FencingStore final : public BatchStore {
 public:
  explicit FencingStore(const Runtime& runtime) : runtime_(runtime), released_(runtime) {}

  Task<Result<>> Connect() override {
    connected_ = true;
    co_return Result<>{};
  }
  [[nodiscard]] bool connected() const override { return connected_; }
  [[nodiscard]] CopyPath copy_path() const override { return CopyPath::kBatch; }
  Task<> Reset() override { co_return; }
  Task<Result<bool>> IsCommitted(const Batch&) override { co_return false; }
  Task<Result<std::vector<AttributionAnswer>>> Attribute(
      std::span<const AttributionQuestion> questions) override {
    co_return std::vector<AttributionAnswer>(questions.size());
  }
  Task<Result<>> EnsurePartition(EventTimeUs) override { co_return Result<>{}; }
  Task<Result<BeginResult>> Begin(const Batch& batch, const Parents&) override {
    begun.push_back(batch.partitions.front().epoch);
    if (begun.back() != Epoch{1}) co_return BeginResult{};
    co_await released_.WaitUntil(runtime_.clock.Now() + 1h);
    co_return Fail(ErrorCode::kFenced, "another owner went on");
  }
  Task<Result<>> BeginPiece() override { co_return Result<>{}; }
  Task<Result<>> EndPiece(PieceEnd) override { co_return Result<>{}; }
  Task<Result<std::int64_t>> CopyRows(std::span<const UsageRow* const> rows) override {
    co_return static_cast<std::int64_t>(rows.size());
  }
  Task<Result<std::vector<Uuid>>> LockJobs(std::span<const Uuid>) override {
    co_return std::vector<Uuid>{};
  }
  Task<Result<StagedRows>> StageRows(std::span<const UsageRow* const>) override {
    co_return StagedRows{};
  }
  [[nodiscard]] CopyFailure failure() const override { return {}; }
  Task<Result<QuotaChanges>> AddSums(const aggregate::Deltas&) override {
    co_return QuotaChanges{};
  }
  Task<Result<>> AddDeadLetters(std::span<const DeadLetter>) override { co_return Result<>{}; }
  Task<Result<>> RecordOutcomes(const Batch& batch) override {
    elements.push_back(batch.elements());
    if (batch.elements() > elements_end) co_return Fail(ErrorCode::kTooLarge, "57014");
    co_return Result<>{};
  }
  Task<Result<>> Commit() override { co_return Result<>{}; }

  void Release() { released_.Notify(); }
  std::vector<Epoch> begun;
  std::vector<std::size_t> elements;  // of each transaction
  std::size_t elements_end = 1'000'000;

 private:
  Runtime runtime_;
  Wakeup released_;
  bool connected_ = false;
};

class LaneTest : public LaneFixture {
 protected:
  explicit LaneTest(const LaneOptions& options = {}) { StartLane(options, store_, telemetry_); }
  ~LaneTest() override { StopLane(); }

  void BringTombstone(std::int64_t offset, std::int64_t timestamp_ms = 0) {
    Record record = RecordAt(Record::Kind::kMessage, offset);
    record.timestamp_ms = timestamp_ms;
    ASSERT_TRUE(producer_.TryPush(record));
  }
  void BringElements(std::int64_t offset, std::string_view value) {
    Record record = RecordAt(Record::Kind::kMessage, offset);
    record.value = value;
    ASSERT_TRUE(producer_.TryPush(record));
  }
  // An epoch begins at offset 0 and brings one record, a tombstone: it is counted and skipped.
  void BringEpoch(std::uint64_t number) {
    BeginEpoch(number, 0);
    BringTombstone(0);
  }
  // The offset up to which `epoch` is said to be stored; -1: nothing is.
  std::int64_t CommittedIn(Epoch epoch) {
    std::int64_t next = -1;
    ConsumerMessage message;
    while (inbox_.Take(message)) {
      const auto* committed = std::get_if<Committed>(&message);
      if (committed != nullptr && committed->epoch == epoch) next = committed->next_offset.value;
    }
    return next;
  }

  RecordingSink telemetry_;
  FencingStore store_{runtime_};
};

// The story: the writer learnt that a batch was fenced after the next epoch's records had come, and
// threw those away with it. The consumer had delivered them, so they stayed unread until their
// partition got another record.
TEST_F(LaneTest, AFencedBatchLeavesTheRecordsOfTheNextEpochAlone) {
  BringEpoch(1);
  Run();
  ASSERT_EQ(store_.begun, std::vector{Epoch{1}});
  BringEpoch(2);
  Run();
  ASSERT_EQ(queue_.records(), 0U) << "decoded, while the writer is busy";
  store_.Release();
  Run();
  EXPECT_EQ(telemetry_.fenced, 1);
  EXPECT_EQ(store_.begun, (std::vector{Epoch{1}, Epoch{2}}));
  EXPECT_EQ(CommittedIn(Epoch{2}), 1);
}

TEST_F(LaneTest, AFencedBatchTakesTheRestOfItsEpochWithIt) {
  BringEpoch(1);
  Run();
  BringTombstone(1);
  Run();
  store_.Release();
  Run();
  EXPECT_EQ(telemetry_.fenced, 1);
  EXPECT_EQ(store_.begun, std::vector{Epoch{1}});
  EXPECT_EQ(CommittedIn(Epoch{1}), -1);
}

// The watchdog looks only at lanes that are not idle.
TEST_F(LaneTest, IsNotIdleWhileABatchIsBeingWritten) {
  EXPECT_TRUE(lane_->idle());
  BringEpoch(1);
  Run();
  ASSERT_EQ(store_.begun, std::vector{Epoch{1}}) << "the writer has the batch and waits";
  BringTombstone(0);  // seen already: it leaves the batch that is being built empty
  Run();
  EXPECT_FALSE(lane_->idle());
  store_.Release();
  Run();
  EXPECT_TRUE(lane_->idle());
}

// INV-6: while the writer is busy the next batch grows to its bound in bytes, not further.
class BoundedLaneTest : public LaneTest {
 protected:
  static constexpr std::size_t kBytesMax = 8 * 1024;
  BoundedLaneTest() : LaneTest(BoundedOptions()) {}

  static LaneOptions BoundedOptions() {
    LaneOptions options;
    options.transaction_bytes_max = kBytesMax;
    return options;
  }
  // How many tombstones reach the bound.
  static std::int64_t RecordsMax() {
    return static_cast<std::int64_t>(kBytesMax / Record().bytes()) + 1;
  }
};

TEST_F(BoundedLaneTest, StopsDecodingAtItsBytes) {
  BringEpoch(1);
  Run();
  for (std::int64_t i = 0; i < RecordsMax(); ++i) BringTombstone(1 + i);
  Run();
  ASSERT_EQ(queue_.records(), 0U) << "the batch was below its bound until the last of them";
  BringTombstone(1 + RecordsMax());
  Run();
  EXPECT_EQ(queue_.records(), 1U) << "the batch is full";
  store_.Release();
  Run();
  EXPECT_EQ(queue_.records(), 0U) << "the batch was handed over, or dropped";
}

class LingeringLaneTest : public LaneTest {
 protected:
  LingeringLaneTest() : LaneTest(LingeringOptions()) {}

  static LaneOptions LingeringOptions() {
    LaneOptions options;
    options.linger = 1h;
    options.bytes_max = 4 * Record().bytes();
    return options;
  }
  // One record, which becomes `elements` dead letters.
  void BringRefused(std::size_t elements) {
    value_ = "[5";
    for (std::size_t i = 1; i < elements; ++i) value_ += ",5";
    value_ += "]";
    BeginEpoch(2, 0);
    BringElements(0, value_);
    Run();
  }
  // Nothing is in PostgreSQL before `due`.
  void ExpectHandedOverAt(std::chrono::minutes due) {
    clock_.ahead = due - 1min;
    lane_->Wake();
    Run();
    EXPECT_TRUE(store_.begun.empty());
    clock_.ahead = due;
    lane_->Wake();
    Run();
    EXPECT_EQ(CommittedIn(Epoch{2}), 1);
  }

 private:
  std::string value_;
};

TEST_F(LingeringLaneTest, ABatchOfEnoughBytesDoesNotLinger) {
  BeginEpoch(2, 0);
  for (std::int64_t offset = 0; offset < 3; ++offset) BringTombstone(offset);
  Run();
  EXPECT_TRUE(store_.begun.empty());
  BringTombstone(3);
  Run();
  EXPECT_EQ(CommittedIn(Epoch{2}), 4);
}

// At 100 events a second each was seen 0.16 s later (p50): the batch waited for the whole linger
// and then had a dozen rows.
TEST_F(LingeringLaneTest, ABatchOfFewRowsWaitsForAQuarterOfTheLinger) {
  BringRefused(15);
  ExpectHandedOverAt(15min);
}

TEST_F(LingeringLaneTest, ABatchOfManyRowsWaitsForAllOfTheLinger) {
  BringRefused(16);
  ExpectHandedOverAt(60min);
}

// The story: a lane decoded 64 records before it looked at a bound. Arrays of 100,000 bad elements
// made one transaction of 6.4 million dead letters, which timed out at each attempt.
class TransactionBoundTest : public LaneTest {
 protected:
  explicit TransactionBoundTest(bool can_read_less = false) : LaneTest(OptionsFor(can_read_less)) {}

  static LaneOptions OptionsFor(bool can_read_less) {
    LaneOptions options;
    options.transaction_rows_max = 10;
    options.writer.can_read_less = can_read_less;
    return options;
  }
};

TEST_F(TransactionBoundTest, HoldsForAnyRecords) {
  BeginEpoch(2, 0);
  for (std::int64_t offset = 0; offset < 9; ++offset) BringElements(offset, "[5,5,5,5]");
  Run();
  EXPECT_EQ(store_.elements, (std::vector<std::size_t>{8, 8, 8, 8, 4}));
  EXPECT_EQ(telemetry_.counts.records, 9);
  EXPECT_EQ(telemetry_.counts.dead_lettered, 36) << "a record that waited is counted once";
  EXPECT_EQ(CommittedIn(Epoch{2}), 9);
}

TEST_F(TransactionBoundTest, ARecordThatIsLargerIsATransactionOfItsOwn) {
  BeginEpoch(2, 0);
  BringElements(0, "[5]");
  BringElements(1, "[5,5,5,5,5,5,5,5,5,5,5,5]");
  BringElements(2, "5\n5");
  Run();
  EXPECT_EQ(store_.elements, (std::vector<std::size_t>{1, 12, 2}));
  EXPECT_EQ(CommittedIn(Epoch{2}), 3);
}

class TooLargeTest : public TransactionBoundTest {
 protected:
  TooLargeTest() : TransactionBoundTest(/*can_read_less=*/true) {}
  // The consumer is asked to read again from what is stored.
  bool IsReadAgain() {
    ConsumerMessage message;
    bool is_read_again = false;
    while (inbox_.Take(message)) is_read_again |= std::holds_alternative<PositionsLost>(message);
    return is_read_again;
  }
};

// The story: a batch that needed more than statement_timeout was tried at the same size again
// and again.
TEST_F(TooLargeTest, ABatchThatPostgresCannotDoAtOnceIsReadAgainInSmallerOnes) {
  store_.elements_end = 4;
  for (const std::uint64_t epoch : {2U, 3U}) {
    BeginEpoch(epoch, 0);
    for (std::int64_t offset = 0; offset < 8; ++offset) BringElements(offset, "5");
    Run();
    EXPECT_EQ(epoch == 2 && IsReadAgain(), epoch == 2);
  }
  ASSERT_GE(store_.elements.size(), 3U);
  EXPECT_EQ(store_.elements[0], 8U);
  EXPECT_EQ(store_.elements[1], 1U);
  EXPECT_GT(store_.elements.back(), 1U) << "it grows again";
  EXPECT_EQ(CommittedIn(Epoch{3}), 8);
}

// Kafka's timestamp -1 means none. It once became a latency of a million seconds.
TEST_F(LaneTest, ARecordWithoutATimestampGivesNoLatencySample) {
  BeginEpoch(2, 0);
  BringTombstone(0, -1);
  BringTombstone(1, 0);
  BringTombstone(2, 1'795'370'400'000);
  Run();
  EXPECT_EQ(telemetry_.counts.records, 3);
  EXPECT_EQ(telemetry_.latency_samples, 1U);
}

}  // namespace
}  // namespace usage_ingest::pipeline
