#include "daemon/telemetry/status_board.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/telemetry/recent_errors.h"
#include "daemon/telemetry/series.h"
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

TEST_F(StatusBoardTest, SaysWhatIsStuckAndIsReadyWhileSomethingIsRead) {
  BecomeReady();
  const auto stuck = [](const TopicPartition& source, std::string_view why) {
    return pipeline::PartitionStuck{.source = &source,
                                    .reason = pipeline::StuckReason::kAuthorization,
                                    .stuck = true,
                                    .offset = Offset{7},
                                    .why = why};
  };
  board_.On(stuck(kUsage0, "partition 0 is not read"));
  EXPECT_TRUE(board_.readiness().ready);
  EXPECT_EQ(board_.readiness().reason, "partition 0 is not read");
  EXPECT_THAT(StatusJson(board_.Snapshot()),
              HasSubstr(R"("stuck":{"reason":"authorization","offset":7,)"));
  EXPECT_THAT(StatusLine(board_.Snapshot()), HasSubstr("1 PARTITIONS NOT READ"));
  board_.On(stuck(kUsage1, "partition 1 is not read"));
  EXPECT_FALSE(board_.readiness().ready);
  EXPECT_EQ(board_.readiness().reason, "partition 0 is not read\npartition 1 is not read");
  board_.On(pipeline::PartitionStuck{.source = &kUsage1, .why = {}});
  EXPECT_TRUE(board_.readiness().ready);
}

// New usage is written, so no other instance would do better: ready, with what a person must know.
TEST_F(StatusBoardTest, SaysWhatIsMissingAndWhatWasSetAsideAndIsReady) {
  BecomeReady();
  board_.On(pipeline::RowsMissing{0, "nothing"});
  board_.On(pipeline::SetAsideCounted{{}});
  EXPECT_EQ(board_.readiness().reason, "");
  const pipeline::SetAsideEvents groups[] = {
      {DeadLetterReason::kSubscriptionRejected, 12, now_ms_ - 5'000,
       "subscription s: out of range"},
      {DeadLetterReason::kMonthRejected, 3, now_ms_, "month 2026-11: no partition"}};
  board_.On(pipeline::SetAsideCounted{groups});
  board_.On(pipeline::RowsMissing{2, "rows have disappeared"});
  EXPECT_TRUE(board_.readiness().ready);
  EXPECT_EQ(board_.readiness().reason,
            "rows have disappeared\n"
            "12 events are set aside (subscription_rejected): subscription s: out of range\n"
            "3 events are set aside (month_rejected): month 2026-11: no partition");
  const std::string json = StatusJson(board_.Snapshot());
  EXPECT_THAT(json, HasSubstr(R"("set_aside":[{"reason":"subscription_rejected","events":12,)"
                              R"("since":"2026-11-22T17:59:55Z","detail":"subscription s)"));
  EXPECT_THAT(json, HasSubstr(R"("missing_rows":{"samples":2,"what":"rows have disappeared"})"));
  EXPECT_THAT(StatusLine(board_.Snapshot()), HasSubstr(", 15 EVENTS SET ASIDE, ROWS MISSING"));
  board_.On(pipeline::SetAsideCounted{{}});
  board_.On(pipeline::RowsMissing{0, "nothing"});
  EXPECT_EQ(board_.readiness().reason, "");
}

TEST_F(StatusBoardTest, IsNotReadyWhileALagStaysUnknown) {
  BecomeReady();
  EXPECT_TRUE(board_.readiness().ready) << "a new assignment has a moment";
  now_ms_ += 11'000;
  EXPECT_FALSE(board_.readiness().ready);
  EXPECT_THAT(board_.readiness().reason, HasSubstr("the lag of litellm.usage.v1[0] is unknown"));
  for (const TopicPartition* source : {&kUsage0, &kUsage1}) {
    board_.On(pipeline::PartitionLag{.source = source, .high_watermark = Offset{3}});
  }
  EXPECT_TRUE(board_.readiness().ready);
}

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
  EXPECT_THAT(json,
              HasSubstr(R"("rate":0,"lag_records":null,"lag_seconds":null,"catch_up_seconds":null,)"
                        R"("rebalances")"));
  EXPECT_THAT(json, HasSubstr(R"("history":{"rate":[0],"lag_records":[null]})"));
  EXPECT_THAT(json, HasSubstr(R"("partition":1,"next_offset":0,"high_watermark":null,)"
                              R"("lag_records":null,"lag_seconds":null,"catch_up_seconds":null)"));
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
    const std::string kind(static_cast<std::size_t>(i + 1), 'x');
    board_.On(pipeline::KafkaFailed{pipeline::KafkaErrorClass::kTransient, kind});
  }
  errors = board_.Snapshot().errors;
  EXPECT_THAT(errors, SizeIs(RecentErrors::kKept));
  EXPECT_EQ(errors[0].message, std::string(50, 'x'));
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

TEST_F(StatusBoardTest, PhaseTimesAreThoseOfABatchOfTheLastMinutes) {
  const SampleBatch batch;
  for (int i = 0; i < 3; ++i) board_.On(batch.committed);
  now_ms_ += 2'000;
  board_.Sample();
  const auto copy = static_cast<std::size_t>(pipeline::Phase::kCopy);
  EXPECT_NEAR(board_.Snapshot().phase_seconds[copy].value(), 0.030, 1e-6);
  for (std::size_t i = 0; i < Series::kSamples; ++i) {
    EXPECT_TRUE(board_.Snapshot().phase_seconds[copy]);
    now_ms_ += 2'000;
    board_.Sample();
  }
  EXPECT_FALSE(board_.Snapshot().phase_seconds[copy]) << "no batch is not a batch of 0 s";
}

TEST_F(StatusBoardTest, TheWholeCatchesUpWithItsLastPartition) {
  BecomeReady();
  const auto report = [&](const TopicPartition& source, std::int64_t lag) {
    board_.On(pipeline::PartitionLag{.source = &source,
                                     .high_watermark = Offset{10'000},
                                     .position = Offset{10'000},
                                     .committed = Offset{10'000 - lag},
                                     .oldest_uncommitted_ms = now_ms_ - 60'000});
  };
  for (int i = 0; i <= 15; ++i) {
    report(kUsage0, 4'000 - 20 * i);
    report(kUsage1, 9'000 - 200 * i);
    now_ms_ += 2'000;
    board_.Sample();
  }
  EXPECT_EQ(board_.Snapshot().partitions[0].catch_up_seconds, 370.);
  EXPECT_EQ(board_.Snapshot().partitions[1].catch_up_seconds, 60.);
  EXPECT_EQ(board_.Snapshot().catch_up_seconds, 370.);
  report(kUsage0, 4'100);
  now_ms_ += 2'000;
  board_.Sample();
  EXPECT_EQ(board_.Snapshot().catch_up_seconds, std::nullopt) << "one does not fall";
}

}  // namespace
}  // namespace usage_ingest::telemetry
