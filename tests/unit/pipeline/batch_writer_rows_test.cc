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

// An error of a trigger in a language that is not read looks like a bad row: the search says no.
TEST_F(BatchWriterTest, WhenNoRowAloneIsRefusedTheBatchIsHeldAndTriedAgain) {
  store_.FailNext(Step::kCopy, ErrorCode::kBadRecord);
  Fill(0, 8);
  const auto written = Write();
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 8);
  EXPECT_EQ(written->outcomes.dead_lettered, 0);
  EXPECT_EQ(store_.calls(Step::kCopy), 2);
  EXPECT_EQ(clock_.waits.size(), 1U);
}

// -- quotas
// ----------------------------------------------------------------------------------------

TEST_F(BatchWriterTest, QuotasAreCountedUnlessTheReplayLeavesThemOut) {
  Fill(0, 3);
  ASSERT_TRUE(Write());
  ASSERT_EQ(store_.quotas.size(), 1U);
  EXPECT_EQ(store_.quotas[0].requests, 3);

  BatchWriter without_quotas = MakeWriter({.session = {}, .count_quotas = false});
  Fill(3, 6);
  const auto written = Write(without_quotas);
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcomes.inserted, 3);
  EXPECT_TRUE(store_.quotas.empty());
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
