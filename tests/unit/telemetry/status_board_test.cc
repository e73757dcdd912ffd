#include "daemon/telemetry/status_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/telemetry/status_json.h"
#include "tests/unit/telemetry/report_fixture.h"

namespace usage_ingest::telemetry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class StatusBoardTest : public ::testing::Test {
 protected:
  void BecomeReady() {
    board_.PostgresUp(0, true);
    board_.PostgresUp(1, true);
    board_.GroupJoined(true);
    const TopicPartition* const assigned[] = {&kUsage0, &kUsage1};
    board_.Rebalanced(assigned);
  }
  std::int64_t now_ms_ = 1'795'370'400'000;
  StatusBoard board_{{.version = "1.2.3",
                      .commit = "abc",
                      .group_id = "g",
                      .queue = [] { return QueueStatus{1, 2, 3}; },
                      .clock = [this] { return now_ms_; }}};
};

TEST_F(StatusBoardTest, IsReadyWhenTheGroupIsJoinedAndPostgresAnswers) {
  EXPECT_THAT(board_.readiness().reason, HasSubstr("PostgreSQL is not connected yet"));
  board_.PostgresUp(pipeline::kHousekeeperSession, true);  // no lane has had a batch yet
  EXPECT_THAT(board_.readiness().reason, HasSubstr("consumer group is not joined"));
  board_.GroupJoined(true);
  board_.Rebalanced({});  // more members than partitions: joined all the same
  EXPECT_TRUE(board_.readiness().ready);
  board_.PostgresError(pipeline::PostgresErrorClass::kTransient, "connection refused");
  board_.PostgresUp(1, false);
  EXPECT_FALSE(board_.readiness().ready);
  EXPECT_THAT(board_.readiness().reason, HasSubstr("connection refused"));
  board_.PostgresUp(1, true);
  board_.PostgresUp(pipeline::kHousekeeperSession, false);  // an idle daemon notices too
  EXPECT_FALSE(board_.readiness().ready);
}

TEST_F(StatusBoardTest, TheRetrysSessionComesAndGoesAndSaysNothing) {
  BecomeReady();
  board_.PostgresUp(pipeline::kRetrySession, false);
  EXPECT_TRUE(board_.readiness().ready);
}

TEST_F(StatusBoardTest, IsNotReadyBetweenARevokeAndTheNextAssignment) {
  BecomeReady();
  board_.KafkaError(pipeline::KafkaErrorClass::kTransient, "all brokers are down");
  EXPECT_TRUE(board_.readiness().ready);
  board_.GroupJoined(false);
  board_.Rebalanced({});
  EXPECT_THAT(board_.readiness().reason, HasSubstr("all brokers are down"));
  BecomeReady();
  EXPECT_TRUE(board_.readiness().ready);
}

TEST_F(StatusBoardTest, AReasonOfTheDaemonsOwnHoldsItBack) {
  BecomeReady();
  board_.SetHeldBack("topic is missing");
  EXPECT_EQ(board_.readiness().reason, "topic is missing");
  board_.SetHeldBack("");
  EXPECT_TRUE(board_.readiness().ready);
}

TEST_F(StatusBoardTest, AddsUpBatchesByPartitionAndInTotal) {
  BecomeReady();
  const SampleBatch batch;
  board_.BatchCommitted(0, batch.report);
  board_.BatchCommitted(0, batch.report);
  const StatusSnapshot snapshot = board_.Snapshot();
  ASSERT_THAT(snapshot.partitions, SizeIs(2));
  EXPECT_EQ(snapshot.partitions[0].next_offset, 110);
  EXPECT_EQ(snapshot.partitions[0].outcomes.events, 24);
  EXPECT_EQ(snapshot.partitions[0].batches, 2);
  EXPECT_EQ(snapshot.partitions[0].last_commit_ms, now_ms_);
  EXPECT_EQ(snapshot.totals.events, 34);
  EXPECT_TRUE(snapshot.totals.balances());
  EXPECT_EQ(snapshot.batches, 2);
  EXPECT_EQ(snapshot.suspended, 2);
}

TEST_F(StatusBoardTest, RatesAreEventsASecondBetweenSamples) {
  BecomeReady();
  const SampleBatch batch;
  board_.BatchCommitted(0, batch.report);
  now_ms_ += 2'000;
  board_.Sample();
  now_ms_ += 2'000;
  board_.Sample();
  const StatusSnapshot snapshot = board_.Snapshot();
  EXPECT_THAT(snapshot.rate_history, ElementsAre(8.5, 0));
  EXPECT_THAT(snapshot.partitions[0].rate_history, ElementsAre(6, 0));
  EXPECT_EQ(snapshot.rate, 4.25);
}

TEST_F(StatusBoardTest, ShowsTheLagOfThePartitionFurthestBehind) {
  BecomeReady();
  board_.Lag(kUsage0, {.high_watermark = Offset{120},
                       .position = Offset{120},
                       .committed = Offset{110},
                       .oldest_uncommitted_ms = now_ms_ - 500});
  board_.Lag(kUsage1, {.high_watermark = Offset{60},
                       .position = Offset{60},
                       .committed = Offset{55},
                       .oldest_uncommitted_ms = now_ms_ - 9'000});
  const StatusSnapshot snapshot = board_.Snapshot();
  EXPECT_EQ(snapshot.lag_records, 15);
  EXPECT_EQ(snapshot.lag_seconds, 9);
  EXPECT_EQ(snapshot.partitions[0].high_watermark, 120);
}

TEST_F(StatusBoardTest, ForgetsAPartitionSomeTimeAfterItWentAway) {
  BecomeReady();
  const SampleBatch batch;
  board_.BatchCommitted(0, batch.report);
  const TopicPartition* const first[] = {&kUsage0};
  board_.Rebalanced(first);
  EXPECT_THAT(board_.Snapshot().partitions, SizeIs(1));
  BecomeReady();  // back within the time: its history is still there
  EXPECT_EQ(board_.Snapshot().partitions[1].outcomes.events, 5);
  board_.Rebalanced(first);
  now_ms_ += std::chrono::milliseconds(StatusBoard::kForgetAfter).count() + 1;
  board_.Sample();
  BecomeReady();
  EXPECT_EQ(board_.Snapshot().partitions[1].outcomes.events, 0);
}

TEST_F(StatusBoardTest, KeepsTheLastErrorsAndFoldsRepetitions) {
  for (int i = 0; i < 50; ++i) {
    board_.PostgresError(pipeline::PostgresErrorClass::kTransient, "away");
  }
  board_.Fenced("another owner");
  auto errors = board_.Snapshot().errors;
  ASSERT_THAT(errors, SizeIs(2));
  EXPECT_EQ(errors[0].source, "fencing");
  EXPECT_EQ(errors[1].times, 50);
  for (int i = 0; i < 50; ++i) {
    board_.KafkaError(pipeline::KafkaErrorClass::kTransient, std::to_string(i));
  }
  errors = board_.Snapshot().errors;
  EXPECT_THAT(errors, SizeIs(StatusBoard::kErrorsKept));
  EXPECT_EQ(errors[0].message, "49");
}

TEST_F(StatusBoardTest, ALongMessageIsCut) {
  board_.PostgresError(pipeline::PostgresErrorClass::kData, std::string(100'000, 'x'));
  EXPECT_LE(board_.Snapshot().errors[0].message.size(), 1000u);
}

TEST_F(StatusBoardTest, TheJsonIsFrozen) {
  BecomeReady();
  const SampleBatch batch;
  board_.BatchCommitted(0, batch.report);
  board_.Lag(kUsage0, {.high_watermark = Offset{120},
                       .position = Offset{120},
                       .committed = Offset{110},
                       .oldest_uncommitted_ms = now_ms_ - 500});
  board_.Fenced("a \"zombie\"");
  board_.SetPartitionRunway(std::chrono::seconds(77));
  board_.SetCopyPath("batch");
  now_ms_ += 2'000;
  board_.Sample();
  const TopicPartition* const first[] = {&kUsage0};
  board_.Rebalanced(first);
  EXPECT_EQ(
      StatusJson(board_.Snapshot()),
      R"({"version":"1.2.3","commit":"abc","group_id":"g","started":"2026-11-22T18:00:00Z",)"
      R"("now":"2026-11-22T18:00:02Z","uptime_seconds":2,"ready":true,"reason":"",)"
      R"("postgres_up":true,"copy_path":"batch","partition_runway_seconds":77,)"
      R"("totals":{"records":15,"events":17,"inserted":11,"duplicates":3,"dead_lettered":2,)"
      R"("skipped":1,"gap_records":0,"batches":1,"rate":8.5,"lag_records":10,"lag_seconds":2.5,)"
      R"("rebalances":2,"fenced":1,"subscriptions_suspended":1,)"
      R"("history":{"rate":[8],"lag_records":[10]}},)"
      R"("dead_letters":{"pending":null,"healed":0,"by_reason":{"invalid_json":0,)"
      R"("invalid_field":0,"invalid_number":0,"value_out_of_range":0,"timestamp_out_of_range":0,)"
      R"("unattributed":2,"record_too_large":0,"rejected_by_database":0}},)"
      R"("skipped_by_reason":{"tombstone":0,"null_element":0,"internal":1,"no_usage":0,)"
      R"("master_key":0},"queue":{"records":1,"bytes":2,"bytes_limit":3},)"
      R"("paused":{"memory":false,"postgres":false},)"
      R"("partitions":[{"topic":"litellm.usage.v1","partition":0,"next_offset":110,)"
      R"("high_watermark":120,"lag_records":10,"lag_seconds":2.5,"rate":6,"batches":1,)"
      R"("last_commit":"2026-11-22T18:00:00Z","records":10,"events":12,"inserted":8,)"
      R"("duplicates":1,"dead_lettered":2,"skipped":1,"gap_records":0,)"
      R"("history":{"rate":[6],"lag_records":[10]}}],)"
      R"("errors":[{"time":"2026-11-22T18:00:00Z","source":"fencing",)"
      R"("message":"a \"zombie\"","times":1}]})");
}

}  // namespace
}  // namespace usage_ingest::telemetry
