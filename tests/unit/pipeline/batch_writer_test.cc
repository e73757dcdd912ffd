// What the writer does about each error, at each step of the transaction: the failure rules of
// ARCHITECTURE.md ("The transaction of a batch") one by one.
#include "ingest/pipeline/batch_writer.h"

#include "schema/limits.h"
#include "tests/unit/pipeline/batch_writer_fixture.h"

namespace usage_ingest::pipeline {
namespace {

using std::chrono::milliseconds;

// -- transient errors

struct Transient {
  Step step;
  ErrorCode code;
  bool is_broken;
  const char* name;
};
class TransientTest : public BatchWriterTest, public ::testing::WithParamInterface<Transient> {};

TEST_P(TransientTest, IsRetriedUntilItIsOverAndCostsNothing) {
  constexpr int kTimes = 30;
  store_.FailNext(GetParam().step, GetParam().code, kTimes, GetParam().is_broken);
  Fill(0, 10);
  const auto written = Write();
  ASSERT_TRUE(written) << written.error().context;
  EXPECT_EQ(written->outcomes.inserted, 10);
  EXPECT_TRUE(batch_.dead_letters.empty());
  ExpectCommittedOnce(0, 10);
  EXPECT_EQ(clock_.waits.size(), static_cast<std::size_t>(kTimes));
  EXPECT_EQ(telemetry_.errors[PostgresErrorClass::kTransient], kTimes);
  EXPECT_EQ(telemetry_.up, true);
}

// The role may have lost or got the privilege since: what is shown must be what is in use.
TEST_F(BatchWriterTest, ReportsTheCopyPathOfANewSession) {
  Fill(0, 1);
  ASSERT_TRUE(Write());
  store_.path = CopyPath::kConstraints;
  store_.FailNext(Step::kAttribute, ErrorCode::kUnavailable, 1, true);
  Fill(1, 2);
  ASSERT_TRUE(Write());
  EXPECT_EQ(telemetry_.paths, (std::vector{CopyPath::kBatch, CopyPath::kConstraints}));
}

TEST_F(BatchWriterTest, ReportsACopyPathThatChangesWithinASession) {
  Fill(0, 1);
  ASSERT_TRUE(Write());
  store_.path = CopyPath::kConstraints;
  Fill(1, 2);
  ASSERT_TRUE(Write());
  Fill(2, 3);
  ASSERT_TRUE(Write());
  EXPECT_EQ(telemetry_.paths, (std::vector{CopyPath::kBatch, CopyPath::kConstraints}));
}

INSTANTIATE_TEST_SUITE_P(
    Steps, TransientTest,
    ::testing::Values(
        Transient{Step::kConnect, ErrorCode::kUnavailable, true, "NoServer"},
        Transient{Step::kAttribute, ErrorCode::kUnavailable, false, "TimeOutOfAttribution"},
        Transient{Step::kAttribute, ErrorCode::kUnavailable, true, "CutInAttribution"},
        Transient{Step::kEnsure, ErrorCode::kConflict, false, "LockOfTheNewMonth"},
        Transient{Step::kBegin, ErrorCode::kConflict, false, "LockOfTheOffsets"},
        Transient{Step::kBegin, ErrorCode::kUnavailable, true, "CutInBegin"},
        Transient{Step::kCopy, ErrorCode::kUnavailable, false, "DiskFull"},
        Transient{Step::kCopy, ErrorCode::kUnavailable, true, "CutInCopy"},
        Transient{Step::kCopy, ErrorCode::kConflict, false, "ParentGoneUnderneath"},
        Transient{Step::kSums, ErrorCode::kConflict, false, "DeadlockInQuotas"},
        Transient{Step::kOutcomes, ErrorCode::kUnavailable, false, "DataErrorOfDeadLetters"},
        Transient{Step::kSums, ErrorCode::kUnavailable, true, "CutInSummaries"},
        Transient{Step::kCommit, ErrorCode::kConflict, false, "CommitRefused"}),
    [](const auto& each) { return each.param.name; });

TEST_F(BatchWriterTest, BacksOffLongerEachTimeUpToABoundAndNeverInStep) {
  store_.FailNext(Step::kBegin, ErrorCode::kUnavailable, 12);
  Fill(0, 1);
  ASSERT_TRUE(Write());
  ASSERT_EQ(clock_.waits.size(), 12U);
  auto longest = limits::kBackoffMin;
  bool has_jitter = false;
  for (const milliseconds wait : clock_.waits) {
    EXPECT_GE(wait, longest / 2);
    EXPECT_LE(wait, longest);
    has_jitter = has_jitter || (wait != longest && wait != longest / 2);
    longest = std::min<milliseconds>(2 * longest, limits::kBackoffMax);
  }
  EXPECT_EQ(longest, limits::kBackoffMax);
  EXPECT_TRUE(has_jitter);
}

TEST_F(BatchWriterTest, ALockIsAskedForOftenUnlessEachTryRepeatsTheRows) {
  store_.FailNext(Step::kBegin, ErrorCode::kConflict, 12);
  Fill(0, 1);
  ASSERT_TRUE(Write());
  EXPECT_LE(std::ranges::max(clock_.waits), limits::kLockBackoffMax);
  clock_.waits.clear();
  store_.FailNext(Step::kSums, ErrorCode::kConflict, 12);
  Fill(1, 2);
  ASSERT_TRUE(Write());
  EXPECT_GE(std::ranges::max(clock_.waits), limits::kBackoffMax / 2);
}

TEST_F(BatchWriterTest, ANewSessionTrustsNothingOfTheOldOne) {
  Fill(0, 5);
  ASSERT_TRUE(Write());
  store_.committed.clear();  // the server that answers next never heard of them
  store_.FailNext(Step::kBegin, ErrorCode::kUnavailable, 1, /*is_broken=*/true);
  Fill(0, 5);
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 5) << "ids remembered from the other server";
  EXPECT_EQ(store_.calls(Step::kConnect), 2);
  EXPECT_EQ(store_.calls(Step::kEnsure), 2) << "a month remembered from the other server";
}

TEST_F(BatchWriterTest, AMonthThatWentAwayIsMadeAgain) {
  store_.FailNext(Step::kCopy, ErrorCode::kMissingPartition);
  Fill(0, 2);
  ASSERT_TRUE(Write());
  EXPECT_EQ(store_.calls(Step::kEnsure), 2);
}

TEST_F(BatchWriterTest, AStopEndsTheWaitForPostgres) {
  store_.FailNext(Step::kConnect, ErrorCode::kUnavailable, 1'000);
  writer_.Stop();
  Fill(0, 1);
  const auto written = Write();
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kShuttingDown);
  EXPECT_EQ(store_.calls(Step::kConnect), 1);
}

// -- what ends a batch
// -----------------------------------------------------------------------------

TEST_F(BatchWriterTest, AFenceEndsTheBatchAtOnce) {
  store_.FailNext(Step::kBegin, ErrorCode::kFenced);
  Fill(0, 3);
  const auto written = Write();
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kFenced);
  EXPECT_EQ(store_.calls(Step::kBegin), 1);
  EXPECT_TRUE(store_.committed.empty());
  EXPECT_EQ(store_.resets, 1) << "the transaction was left open";
}

TEST_F(BatchWriterTest, WhatOnlyAPersonCanMendEndsTheLane) {
  for (const Step step : {Step::kConnect, Step::kAttribute, Step::kBegin, Step::kSums}) {
    store_.FailNext(step, ErrorCode::kFatal);
    Fill(0, 3);
    const auto written = Write();
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ErrorCode::kFatal);
  }
  EXPECT_EQ(telemetry_.errors[PostgresErrorClass::kFatal], 4);
}

// -- the reply to COMMIT is lost
// -------------------------------------------------------------------

TEST_F(BatchWriterTest, ALostReplyToACommitThatIsInIsNotRepeated) {
  store_.FailNext(Step::kCommit, ErrorCode::kIndeterminate, 1, /*is_broken=*/true);
  // The server may be away, or fail, when it is asked.
  store_.FailNext(Step::kAsk, ErrorCode::kUnavailable, 2, /*is_broken=*/true);
  store_.is_committed = true;
  Fill(0, 4);
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 4);
  EXPECT_EQ(store_.calls(Step::kBegin), 1);
  EXPECT_EQ(store_.calls(Step::kAsk), 3);
}

TEST_F(BatchWriterTest, ALostReplyToACommitThatIsNotInIsRepeated) {
  store_.FailNext(Step::kCommit, ErrorCode::kIndeterminate, 1, /*is_broken=*/true);
  store_.is_committed = false;
  Fill(0, 4);
  ASSERT_TRUE(Write());
  EXPECT_EQ(store_.calls(Step::kBegin), 2);
  ExpectCommittedOnce(0, 4);
}

TEST_F(BatchWriterTest, ALostReplyAndOffsetsOfAnotherOwnerAreAFence) {
  store_.FailNext(Step::kCommit, ErrorCode::kIndeterminate, 1, /*is_broken=*/true);
  store_.FailNext(Step::kAsk, ErrorCode::kFenced);
  Fill(0, 4);
  const auto written = Write();
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kFenced);
}

// -- duplicates
// ------------------------------------------------------------------------------------

TEST_F(BatchWriterTest, ADuplicateSendsTheBatchThroughTheTableOnTheSide) {
  store_.committed[Id(3)] = 1;
  Fill(0, 10);
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_TRUE(written->staged);
  EXPECT_EQ(written->outcomes.inserted, 9);
  EXPECT_EQ(written->outcomes.duplicates, 1);
  EXPECT_EQ(store_.quotas.at(0).requests, 9) << "only rows really inserted count";
  EXPECT_TRUE(clock_.waits.empty()) << "a duplicate is no reason to wait";
  ExpectCommittedOnce(0, 10);
}

TEST_F(BatchWriterTest, StaysOnTheSideWhileDuplicatesAreTheRule) {
  for (std::uint8_t i = 0; i < 20; ++i) store_.committed[Id(i)] = 1;
  Fill(0, 10);
  ASSERT_TRUE(Write());
  Fill(10, 20);
  ASSERT_TRUE(Write());
  EXPECT_EQ(store_.calls(Step::kCopy), 1) << "the second batch met the error again";
  Fill(20, 60);  // none: it goes back
  ASSERT_TRUE(Write());
  Fill(60, 70);
  ASSERT_TRUE(Write());
  EXPECT_EQ(store_.calls(Step::kStage), 3);
  EXPECT_EQ(store_.calls(Step::kCopy), 2);
  ExpectCommittedOnce(0, 70);
}

TEST_F(BatchWriterTest, WhatItCommittedItselfIsNotSentAgain) {
  Fill(0, 10);
  ASSERT_TRUE(Write());
  Fill(5, 15);
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 5);
  EXPECT_EQ(written->outcomes.duplicates, 5);
  EXPECT_FALSE(written->staged);
  ExpectCommittedOnce(0, 15);
}

// The primary key would not notice: it has created_at, and each poll of a job another one.
TEST_F(BatchWriterTest, AJobThatHasARowIsADuplicateWithoutACopy) {
  store_.committed[Id(3)] = 1;
  Fill(0, 5);
  for (BatchEvent& event : batch_.events) event.row.event.is_job = true;
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 4);
  EXPECT_EQ(written->outcomes.duplicates, 1);
  EXPECT_FALSE(written->staged);
  ExpectCommittedOnce(0, 5);
}

TEST_F(BatchWriterTest, TwoCopiesInOneBatchAreARowAndADuplicate) {
  Fill(0, 4);
  batch_.events[2].row.event.id = batch_.events[1].row.event.id;
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 3);
  EXPECT_EQ(written->outcomes.duplicates, 1);
}

}  // namespace
}  // namespace usage_ingest::pipeline
