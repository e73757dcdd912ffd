#include "daemon/telemetry/status_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/telemetry/recent_errors.h"
#include "daemon/telemetry/status_json.h"
#include "daemon/telemetry/status_line.h"
#include "tests/unit/telemetry/report_fixture.h"

namespace usage_ingest::telemetry {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class StatusBoardTest : public ::testing::Test {
 protected:
  void BecomeReady() {
    board_.On(pipeline::PostgresSession{{.lane = 0}, true});
    board_.On(pipeline::PostgresSession{{.lane = 1}, true});
    board_.On(pipeline::GroupMembership{true});
    const TopicPartition* const assigned[] = {&kUsage0, &kUsage1};
    board_.On(pipeline::PartitionsAssigned{assigned});
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
  board_.On(pipeline::PostgresSession{pipeline::kHousekeeperSession,
                                      true});  // no lane has had a batch yet
  EXPECT_THAT(board_.readiness().reason, HasSubstr("consumer group is not joined"));
  board_.On(pipeline::GroupMembership{true});
  board_.On(pipeline::PartitionsAssigned{{}});  // more members than partitions: joined all the same
  EXPECT_TRUE(board_.readiness().ready);
  board_.On(
      pipeline::PostgresFailed{pipeline::PostgresErrorClass::kTransient, "connection refused"});
  board_.On(pipeline::PostgresSession{{.lane = 1}, false});
  EXPECT_FALSE(board_.readiness().ready);
  EXPECT_THAT(board_.readiness().reason, HasSubstr("connection refused"));
  board_.On(pipeline::PostgresSession{{.lane = 1}, true});
  board_.On(pipeline::PostgresSession{pipeline::kHousekeeperSession,
                                      false});  // an idle daemon notices too
  EXPECT_FALSE(board_.readiness().ready);
}

TEST_F(StatusBoardTest, TheRetrysSessionComesAndGoesAndSaysNothing) {
  BecomeReady();
  board_.On(pipeline::PostgresSession{pipeline::kDeadLetterRetrySession, false});
  EXPECT_TRUE(board_.readiness().ready);
}

TEST_F(StatusBoardTest, IsNotReadyBetweenARevokeAndTheNextAssignment) {
  BecomeReady();
  board_.On(pipeline::KafkaFailed{pipeline::KafkaErrorClass::kTransient, "all brokers are down"});
  EXPECT_TRUE(board_.readiness().ready);
  board_.On(pipeline::GroupMembership{false});
  board_.On(pipeline::PartitionsAssigned{{}});
  EXPECT_THAT(board_.readiness().reason, HasSubstr("all brokers are down"));
  BecomeReady();
  EXPECT_TRUE(board_.readiness().ready);
}

TEST_F(StatusBoardTest, AReasonOfTheDaemonsOwnHoldsItBack) {
  BecomeReady();
  board_.On(pipeline::ReadinessBlocked{"topic is missing"});
  EXPECT_EQ(board_.readiness().reason, "topic is missing");
  board_.On(pipeline::ReadinessBlocked{""});
  EXPECT_TRUE(board_.readiness().ready);
}

TEST_F(StatusBoardTest, AddsUpBatchesByPartitionAndInTotal) {
  BecomeReady();
  const SampleBatch batch;
  board_.On(batch.committed);
  board_.On(batch.committed);
  const StatusSnapshot snapshot = board_.Snapshot();
  ASSERT_THAT(snapshot.partitions, SizeIs(2));
  EXPECT_EQ(snapshot.partitions[0].next_offset, 110);
  EXPECT_EQ(snapshot.partitions[0].counts.events, 24);
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
  board_.On(batch.committed);
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
  board_.On(pipeline::PartitionLag{.source = &kUsage0,
                                   .high_watermark = Offset{120},
                                   .position = Offset{120},
                                   .committed = Offset{110},
                                   .oldest_uncommitted_ms = now_ms_ - 500});
  board_.On(pipeline::PartitionLag{.source = &kUsage1,
                                   .high_watermark = Offset{60},
                                   .position = Offset{60},
                                   .committed = Offset{55},
                                   .oldest_uncommitted_ms = now_ms_ - 9'000});
  const StatusSnapshot snapshot = board_.Snapshot();
  EXPECT_EQ(snapshot.lag->records, 15);
  EXPECT_EQ(snapshot.lag->seconds, 9);
  EXPECT_EQ(snapshot.partitions[0].high_watermark, 120);
}

// An operator took "0.0 s" for all is well, while Kafka was away and nothing was read.
TEST_F(StatusBoardTest, LagThatIsUnknownIsNeverZero) {
  board_.On(pipeline::PostgresSession{{.lane = 0}, true});
  EXPECT_EQ(board_.Snapshot().lag, std::nullopt) << "the group is not joined";
  BecomeReady();
  board_.On(pipeline::PartitionLag{.source = &kUsage0,
                                   .high_watermark = Offset{120},
                                   .position = Offset{120},
                                   .committed = Offset{110}});
  now_ms_ += 2'000;
  board_.Sample();
  const StatusSnapshot snapshot = board_.Snapshot();
  EXPECT_EQ(snapshot.lag, std::nullopt) << "the second partition has not reported";
  EXPECT_EQ(StatusLine(snapshot), "0 events/s, lag unknown, 2 partitions, 0 dead letters");
  const std::string json = StatusJson(snapshot);
  EXPECT_THAT(json, HasSubstr(R"("rate":0,"lag_records":null,"lag_seconds":null,"rebalances")"));
  EXPECT_THAT(json, HasSubstr(R"("history":{"rate":[0],"lag_records":[null]})"));
  EXPECT_THAT(json, HasSubstr(R"("partition":1,"next_offset":0,"high_watermark":null,)"
                              R"("lag_records":null,"lag_seconds":null)"));
}

TEST_F(StatusBoardTest, AMemberWithoutPartitionsHasNoLag) {
  board_.On(pipeline::GroupMembership{true});
  board_.On(pipeline::PartitionsAssigned{{}});
  ASSERT_NE(board_.Snapshot().lag, std::nullopt);
  EXPECT_EQ(board_.Snapshot().lag->records, 0);
}

TEST_F(StatusBoardTest, ShowsTheCopyPathThatTheSessionsUse) {
  EXPECT_EQ(board_.Snapshot().copy_path, "");
  board_.On(pipeline::CopyPathChosen{{.lane = 0}, pipeline::CopyPath::kBatch});
  EXPECT_EQ(board_.Snapshot().copy_path, "batch");
  board_.On(pipeline::CopyPathChosen{{.lane = 0}, pipeline::CopyPath::kConstraints});
  EXPECT_EQ(board_.Snapshot().copy_path, "constraints");
}

TEST_F(StatusBoardTest, ForgetsAPartitionSomeTimeAfterItWentAway) {
  BecomeReady();
  const SampleBatch batch;
  board_.On(batch.committed);
  const TopicPartition* const first[] = {&kUsage0};
  board_.On(pipeline::PartitionsAssigned{first});
  EXPECT_THAT(board_.Snapshot().partitions, SizeIs(1));
  BecomeReady();  // back within the time: its history is still there
  EXPECT_EQ(board_.Snapshot().partitions[1].counts.events, 5);
  board_.On(pipeline::PartitionsAssigned{first});
  now_ms_ += std::chrono::milliseconds(StatusBoard::kForgetAfter).count() + 1;
  board_.Sample();
  BecomeReady();
  EXPECT_EQ(board_.Snapshot().partitions[1].counts.events, 0);
}

TEST_F(StatusBoardTest, KeepsTheLastErrorsAndFoldsRepetitions) {
  for (int i = 0; i < 50; ++i) {
    board_.On(pipeline::PostgresFailed{pipeline::PostgresErrorClass::kTransient, "away"});
  }
  board_.On(pipeline::Fenced{"another owner"});
  auto errors = board_.Snapshot().errors;
  ASSERT_THAT(errors, SizeIs(2));
  EXPECT_EQ(errors[0].source, "fencing");
  EXPECT_EQ(errors[1].times, 50);
  for (int i = 0; i < 50; ++i) {
    board_.On(pipeline::KafkaFailed{pipeline::KafkaErrorClass::kTransient, std::to_string(i)});
  }
  errors = board_.Snapshot().errors;
  EXPECT_THAT(errors, SizeIs(RecentErrors::kKept));
  EXPECT_EQ(errors[0].message, "49");
}

TEST_F(StatusBoardTest, LockTimeoutsOfDifferentRowsAreOneError) {
  const auto timeout = [](int row, std::string_view table) {
    return "canceling statement due to lock timeout\nCONTEXT:  while updating tuple (" +
           std::to_string(row) + ",7) in relation \"" + std::string(table) + "\"";
  };
  for (int row = 0; row < 30; ++row) {
    const std::string message = timeout(row, row % 2 == 0 ? "usage_summaries" : "subscriptions");
    board_.On(pipeline::PostgresFailed{pipeline::PostgresErrorClass::kTransient, message});
  }
  const auto errors = board_.Snapshot().errors;
  ASSERT_THAT(errors, SizeIs(2)) << "one for each table";
  EXPECT_EQ(errors[0].times, 15);
  EXPECT_EQ(errors[0].message, timeout(29, "subscriptions"));
}

TEST_F(StatusBoardTest, ALongMessageIsCut) {
  board_.On(
      pipeline::PostgresFailed{pipeline::PostgresErrorClass::kData, std::string(100'000, 'x')});
  EXPECT_LE(board_.Snapshot().errors[0].message.size(), 1000u);
}

TEST_F(StatusBoardTest, TheJsonIsFrozen) {
  BecomeReady();
  const SampleBatch batch;
  board_.On(batch.committed);
  board_.On(pipeline::PartitionLag{.source = &kUsage0,
                                   .high_watermark = Offset{120},
                                   .position = Offset{120},
                                   .committed = Offset{110},
                                   .oldest_uncommitted_ms = now_ms_ - 500});
  board_.On(pipeline::PartitionLag{.source = &kUsage1,
                                   .high_watermark = Offset{55},
                                   .position = Offset{55},
                                   .committed = Offset{55}});
  board_.On(pipeline::Fenced{"a \"zombie\""});
  board_.On(pipeline::PartitionRunway{std::chrono::seconds(77)});
  board_.On(pipeline::CopyPathChosen{{.lane = 0}, pipeline::CopyPath::kBatch});
  now_ms_ += 2'000;
  board_.Sample();
  const TopicPartition* const first[] = {&kUsage0};
  board_.On(pipeline::PartitionsAssigned{first});
  EXPECT_EQ(
      StatusJson(board_.Snapshot()),
      R"({"version":"1.2.3","commit":"abc","group_id":"g","started":"2026-11-22T18:00:00Z",)"
      R"("now":"2026-11-22T18:00:02Z","uptime_seconds":2,"ready":true,"reason":"",)"
      R"("postgres_up":true,"kafka_up":true,"copy_path":"batch","partition_runway_seconds":77,)"
      R"("totals":{"records":15,"events":17,"inserted":11,"duplicates":3,"dead_lettered":2,)"
      R"("skipped":1,"gap_records":0,"batches":1,"rate":8.5,"lag_records":10,"lag_seconds":2.5,)"
      R"("rebalances":2,"fenced":1,"subscriptions_suspended":1,)"
      R"("history":{"rate":[8],"lag_records":[10]}},)"
      R"("dead_letters":{"pending":null,"healed":0,"by_reason":{"invalid_json":0,)"
      R"("invalid_field":0,"invalid_number":0,"value_out_of_range":0,"timestamp_out_of_range":0,)"
      R"("unattributed":2,"record_too_large":0,"rejected_by_database":0}},)"
      R"("skipped_by_reason":{"tombstone":0,"null_element":0,"internal":1,"no_usage":0,)"
      R"("master_key":0,"poll":0},"queue":{"records":1,"bytes":2,"bytes_limit":3},)"
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
