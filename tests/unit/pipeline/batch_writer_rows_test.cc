// What the writer does about single rows: those that the database refuses, whose parents are gone,
// and which count into quotas.
#include "tests/unit/pipeline/batch_writer_fixture.h"

namespace usage_ingest::pipeline {
namespace {

// -- rows that the database refuses
// ----------------------------------------------------------------

class BadRowTest : public BatchWriterTest, public ::testing::WithParamInterface<bool> {};

TEST_P(BadRowTest, EachIsTakenOutAndItsNeighboursLive) {
  store_.names_refused_row = GetParam();
  store_.refused = {Id(0), Id(7), Id(19)};
  Fill(0, 20);
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 17);
  EXPECT_EQ(written->outcomes.dead_lettered, 3);
  ASSERT_EQ(batch_.dead_letters.size(), 3U);
  for (const DeadLetter& letter : batch_.dead_letters) {
    EXPECT_EQ(letter.reason, DeadLetterReason::kRejectedByDatabase);
  }
  for (const Uuid& id : store_.refused) EXPECT_FALSE(store_.committed.contains(id));
  EXPECT_EQ(store_.committed.size(), 17U);
  EXPECT_EQ(telemetry_.errors[PostgresErrorClass::kData], 3);
}

// Among the rows that are halved there may be duplicates too.
TEST_P(BadRowTest, IsFoundAmongDuplicates) {
  store_.names_refused_row = GetParam();
  store_.refused = {Id(13)};
  for (std::uint8_t i = 0; i < 10; ++i) store_.committed[Id(i)] = 1;
  Fill(0, 20);
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 9);
  EXPECT_EQ(written->outcomes.duplicates, 10);
  EXPECT_EQ(written->outcomes.dead_lettered, 1);
}

INSTANTIATE_TEST_SUITE_P(Lines, BadRowTest, ::testing::Bool(), [](const auto& each) {
  return each.param ? "NamedByItsLine" : "FoundByHalves";
});

// A session that breaks while the row is looked for says nothing about the row.
TEST_F(BatchWriterTest, ACutDuringTheSearchForABadRowTakesNoRowOut) {
  store_.names_refused_row = false;
  store_.refused = {Id(2)};
  store_.FailNext(Step::kStage, ErrorCode::kUnavailable, 1, /*is_broken=*/true);
  Fill(0, 8);
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 7);
  EXPECT_EQ(written->outcomes.dead_lettered, 1);
  EXPECT_EQ(batch_.events[2].state, BatchEvent::State::kDeadLetter);
}

// The story: 40,000 payloads of 10 KB went in one statement, and each was copied three times.
TEST_F(BatchWriterTest, DeadLettersAreStoredByStatementsOfABoundedSize) {
  const std::string half(BatchWriter::kDeadLetterStatementBytes / 2 + 1, 'x');
  const std::string large(BatchWriter::kDeadLetterStatementBytes * 2, 'x');
  const std::string small = "x";
  Fill(0, 1);
  for (const std::string* payload : {&small, &small, &half, &half, &large, &small}) {
    DeadLetter letter;
    letter.payload = *payload;
    batch_.AddDeadLetter(0, letter);
    ++batch_.partitions[0].outcomes.events;
  }
  ASSERT_TRUE(Write());
  EXPECT_EQ(store_.statement_letters, (std::vector<std::size_t>{3, 1, 1, 1}));
  EXPECT_EQ(store_.letters.size(), 6U);
}

// An error of a trigger that has gone since, or one that was no fault of a row.
TEST_F(BatchWriterTest, WhenNoRowAloneIsRefusedAllAreWritten) {
  store_.FailNext(Step::kCopy, ErrorCode::kBadRecord);
  Fill(0, 8);
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 8);
  EXPECT_EQ(written->outcomes.dead_lettered, 0);
  EXPECT_EQ(store_.calls(Step::kStage), 1);
}

// -- what is refused is set aside, and nothing else (INV-9)
// ----------------------------------------

class IsolationTest : public BatchWriterTest {
 protected:
  // Events `begin` to `end` - 1 belong to another subscription, which it returns.
  Uuid GiveAway(std::uint8_t begin, std::uint8_t end) {
    store_.other_owners["other"] = {Id(210), Id(211), Id(212)};
    for (std::uint8_t i = begin; i < end; ++i) batch_.events[i].row.event.key_hash = "other";
    return Id(210);
  }
  // How many dead letters have this reason; all of them must.
  std::size_t LettersOf(DeadLetterReason reason) const {
    for (const DeadLetter& letter : batch_.dead_letters) EXPECT_EQ(letter.reason, reason);
    return batch_.dead_letters.size();
  }
};

TEST_F(IsolationTest, ASubscriptionWhoseSumsAreRefusedDelaysNoOther) {
  Fill(0, 60);
  store_.full = {GiveAway(10, 40)};
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 30);
  EXPECT_EQ(LettersOf(DeadLetterReason::kSubscriptionRejected), 30U);
  EXPECT_TRUE(batch_.dead_letters[0].detail.contains("subscription " + Id(210).ToString()));
  EXPECT_TRUE(batch_.dead_letters[0].detail.contains("22003"));
  EXPECT_TRUE(clock_.waits.empty());
  // Not one by one: 30 rows alone would be 59 pieces.
  EXPECT_LT(store_.calls(Step::kPiece), 40);
}

// No event alone is too much: the counter takes the first ones.
TEST_F(IsolationTest, ACounterThatOverflowsByManyEventsTakesWhatFits) {
  Fill(0, 20);
  store_.counter_end = 13;
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 13);
  EXPECT_EQ(LettersOf(DeadLetterReason::kSubscriptionRejected), 7U);
}

TEST_F(IsolationTest, ARowThatATriggerDeclinesIsNeitherADuplicateNorTheEnd) {
  store_.declined = {Id(3), Id(4)};
  store_.committed[Id(5)] = 1;
  Fill(0, 10);
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 7);
  EXPECT_EQ(written->outcomes.duplicates, 1);
  EXPECT_EQ(LettersOf(DeadLetterReason::kRejectedByDatabase), 2U);
}

TEST_F(IsolationTest, WhatIsLeftOfABatchOfAReplayStaysOutOfTheQuotas) {
  store_.declined = {Id(3)};
  Fill(0, 10);
  for (BatchEvent& event : batch_.events) event.row.counts_quotas = false;
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 9);
  EXPECT_TRUE(store_.quotas.empty());
}

// The simulation found it: the event that repeats a refused one is no duplicate of any row.
TEST_F(IsolationTest, AnEventThatRepeatsARefusedOneIsSetAsideWithIt) {
  Fill(0, 4);
  batch_.events[3].row.event.id = Id(1);
  store_.declined = {Id(1)};
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 2);
  EXPECT_EQ(written->outcomes.duplicates, 0);
  EXPECT_EQ(LettersOf(DeadLetterReason::kRejectedByDatabase), 2U);
}

TEST_F(IsolationTest, AMonthThatStaysMissingIsSetAside) {
  store_.refused = {Id(2)};
  store_.refused_as = ErrorCode::kMissingPartition;
  Fill(0, 4);
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 3);
  EXPECT_EQ(LettersOf(DeadLetterReason::kMonthRejected), 1U);
}

TEST_F(IsolationTest, WhatIsTooLargeAloneIsSetAside) {
  store_.refused = {Id(2)};
  store_.refused_as = ErrorCode::kTooLarge;
  Fill(0, 40);
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 39);
  EXPECT_EQ(LettersOf(DeadLetterReason::kResourcesExceeded), 1U);
}

TEST_F(IsolationTest, ABatchThatIsTooLargeIsReadAgainIfThatIsPossible) {
  store_.FailNext(Step::kCopy, ErrorCode::kTooLarge);
  Fill(0, 4);
  BatchWriter writer = MakeWriter({.session = {}, .can_read_less = true});
  const auto written = Write(writer);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(store_.committed.empty());
}

// A trigger that is broken for a moment refuses everything.
TEST_F(IsolationTest, WhileEverythingIsRefusedTheBatchIsHeldForAWhile) {
  Fill(0, 4);
  // The batch, and two times in pieces: all, two halves, four rows.
  store_.FailNext(Step::kSums, ErrorCode::kRejected, 1 + 7 + 7);
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 4);
  EXPECT_FALSE(clock_.waits.empty());
}

TEST_F(IsolationTest, WhenEverythingStaysRefusedItIsSetAsideAndTheNextBatchAtOnce) {
  store_.full = {Id(200)};
  for (const std::uint8_t begin : {std::uint8_t{0}, std::uint8_t{4}}) {
    const auto began = clock_.Now();
    Fill(begin, begin == 0 ? 4 : 8);
    const auto written = Write();
    ASSERT_TRUE(written);
    EXPECT_EQ(LettersOf(DeadLetterReason::kSubscriptionRejected), 4U);
    const auto took = clock_.Now() - began;
    EXPECT_EQ(took >= limits::kAllRefusedHeld, begin == 0);
    EXPECT_LT(took, std::chrono::seconds(40));
  }
}

// -- quotas
// ----------------------------------------------------------------------------------------

TEST_F(BatchWriterTest, QuotasAreCountedUnlessTheReplayLeavesThemOut) {
  Fill(0, 3);
  ASSERT_TRUE(Write());
  ASSERT_EQ(store_.quotas.size(), 1U);
  EXPECT_EQ(store_.quotas[0].requests, 3);

  Fill(3, 6);
  for (BatchEvent& event : batch_.events) event.row.counts_quotas = false;
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 3);
  EXPECT_TRUE(store_.quotas.empty());
}

TEST_F(BatchWriterTest, AnEventBeforeItsQuotaPeriodCountsInNoQuota) {
  store_.periods = {{Id(200), EventTimeUs{1'000}}, {Id(199), EventTimeUs{9'000}}};
  Fill(0, 3);
  batch_.events[0].row.event.created_at = EventTimeUs{999};
  batch_.events[1].row.event.created_at = EventTimeUs{1'000};
  batch_.events[2].row.event.created_at = EventTimeUs{1'001};
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 3);
  ASSERT_EQ(store_.quotas.size(), 1U);
  EXPECT_EQ(store_.quotas[0].requests, 2);
}

// -- parents that went away
// ------------------------------------------------------------------------

TEST_F(BatchWriterTest, AKeyAndATeamThatAreGoneBecomeNull) {
  store_.gone = {.subscriptions = {}, .api_keys = {Id(201)}, .teams = {Id(202)}};
  Fill(0, 2);
  ASSERT_TRUE(Write());
  EXPECT_TRUE(batch_.events[0].row.owner.api_key_id.is_nil());
  EXPECT_TRUE(batch_.events[0].row.owner.team_id.is_nil());
  EXPECT_EQ(store_.calls(Step::kBegin), 1);
}

TEST_F(BatchWriterTest, EventsOfASubscriptionThatIsGoneAreAttributedAgain) {
  store_.gone = {.subscriptions = {Id(200)}, .api_keys = {}, .teams = {}};
  Fill(0, 2);
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 2);
  EXPECT_EQ(store_.calls(Step::kAttribute), 2);
  ExpectCommittedOnce(0, 2);
}

}  // namespace
}  // namespace usage_ingest::pipeline
