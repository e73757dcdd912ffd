#include "daemon/telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/telemetry/report_fixture.h"

namespace usage_ingest::telemetry {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr auto kP0 = R"({partition="0",topic="litellm.usage.v1"})";

class MetricsTest : public ::testing::Test {
 protected:
  std::int64_t now_ms_ = 1'000'000;
  bool ready_ = false;
  LagTracker lag_{[this] { return now_ms_; }};
  Metrics metrics_{{.version = "1.2.3", .commit = "abc"},
                   {.queue = [] { return QueueStatus{7, 4096, 8192}; },
                    .ready = [this] { return ready_; },
                    .lag = &lag_}};
};

TEST_F(MetricsTest, CountsABatchByOutcomeAndReason) {
  const SampleBatch batch;
  metrics_.On(batch.committed);
  metrics_.On(batch.committed);
  const std::string text = metrics_.Render();
  EXPECT_THAT(text, HasSubstr("usage_ingest_events_total{outcome=\"inserted\"} 22\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_events_total{outcome=\"duplicate\"} 6\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_events_total{outcome=\"dead_letter\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_events_total{outcome=\"skipped\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_dead_letters_total{reason=\"unattributed\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_dead_letters_total{reason=\"invalid_json\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_skipped_total{reason=\"internal\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_subscriptions_suspended_total 2\n"));
}

TEST_F(MetricsTest, CountsRecordsByPartition) {
  const SampleBatch batch;
  metrics_.On(batch.committed);
  const std::string text = metrics_.Render();
  EXPECT_THAT(text,
              ::testing::AnyOf(HasSubstr("usage_ingest_records_total" + std::string(kP0) + " 10\n"),
                               HasSubstr("usage_ingest_records_total{topic=\"litellm.usage.v1\","
                                         "partition=\"0\"} 10\n")));
}

TEST_F(MetricsTest, FreshnessIsOneSampleARecordInTheRightBucket) {
  const SampleBatch batch;
  metrics_.On(batch.committed);
  const std::string text = metrics_.Render();
  EXPECT_THAT(text, HasSubstr("usage_ingest_event_to_commit_seconds_count 4\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_event_to_commit_seconds_bucket{le=\"0.05\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_event_to_commit_seconds_bucket{le=\"0.25\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_event_to_commit_seconds_bucket{le=\"0.5\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_batch_seconds_bucket{phase=\"copy\",le=\"0.05\"} 1\n"));
}

TEST_F(MetricsTest, APhaseThatDidNotHappenIsNotObserved) {
  SampleBatch batch;
  batch.committed.phase_time[static_cast<std::size_t>(pipeline::Phase::kCopy)] = {};
  metrics_.On(batch.committed);
  const std::string text = metrics_.Render();
  EXPECT_THAT(text, HasSubstr("usage_ingest_batch_seconds_count{phase=\"copy\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_batch_seconds_count{phase=\"commit\"} 1\n"));
}

TEST_F(MetricsTest, PostgresIsUpOnlyWhenEverySessionIs) {
  EXPECT_THAT(metrics_.Render(), HasSubstr("usage_ingest_postgres_up 0\n"));
  metrics_.On(pipeline::PostgresSession{{.lane = 0}, true});
  metrics_.On(pipeline::PostgresSession{{.lane = 1}, false});
  EXPECT_THAT(metrics_.Render(), HasSubstr("usage_ingest_postgres_up 0\n"));
  metrics_.On(pipeline::PostgresSession{{.lane = 1}, true});
  EXPECT_THAT(metrics_.Render(), HasSubstr("usage_ingest_postgres_up 1\n"));
}

TEST_F(MetricsTest, KafkaIsUpWhileTheGroupIsJoined) {
  EXPECT_THAT(metrics_.Render(), HasSubstr("usage_ingest_kafka_up 0\n"));
  metrics_.On(pipeline::GroupMembership{true});
  EXPECT_THAT(metrics_.Render(), HasSubstr("usage_ingest_kafka_up 1\n"));
  metrics_.On(pipeline::GroupMembership{false});
  EXPECT_THAT(metrics_.Render(), HasSubstr("usage_ingest_kafka_up 0\n"));
}

TEST_F(MetricsTest, ReadyIsWhatReadyzSaysAtTheScrape) {
  EXPECT_THAT(metrics_.Render(), HasSubstr("usage_ingest_ready 0\n"));
  ready_ = true;
  EXPECT_THAT(metrics_.Render(), HasSubstr("usage_ingest_ready 1\n"));
}

TEST_F(MetricsTest, TheCopyPathIsTheSlowestOfTheLanesNow) {
  const std::string batch = "usage_ingest_copy_path{path=\"batch\"} ";
  const std::string constraints = "usage_ingest_copy_path{path=\"constraints\"} ";
  EXPECT_THAT(metrics_.Render(), AllOf(HasSubstr(batch + "0"), HasSubstr(constraints + "0")));
  metrics_.On(pipeline::CopyPathChosen{{.lane = 0}, pipeline::CopyPath::kBatch});
  metrics_.On(pipeline::CopyPathChosen{{.lane = 1}, pipeline::CopyPath::kBatch});
  EXPECT_THAT(metrics_.Render(), AllOf(HasSubstr(batch + "1"), HasSubstr(constraints + "0")));
  metrics_.On(pipeline::CopyPathChosen{{.lane = 1}, pipeline::CopyPath::kConstraints});
  EXPECT_THAT(metrics_.Render(), AllOf(HasSubstr(batch + "0"), HasSubstr(constraints + "1")));
  metrics_.On(pipeline::CopyPathChosen{{.lane = 1}, pipeline::CopyPath::kBatch});
  EXPECT_THAT(metrics_.Render(), AllOf(HasSubstr(batch + "1"), HasSubstr(constraints + "0")));
}

TEST_F(MetricsTest, LagGoesAwayWithThePartition) {
  lag_.Report({.source = &kUsage0,
               .high_watermark = Offset{110},
               .position = Offset{110},
               .committed = Offset{100},
               .oldest_uncommitted_ms = now_ms_ - 1500});
  std::string text = metrics_.Render();
  EXPECT_THAT(text, HasSubstr("usage_ingest_lag_records{"));
  EXPECT_THAT(text, HasSubstr("} 10\n"));
  EXPECT_THAT(text, HasSubstr("} 1.5\n"));
  lag_.Assign({});
  text = metrics_.Render();
  EXPECT_THAT(text, Not(HasSubstr("usage_ingest_lag_records{")));
  EXPECT_THAT(text, Not(HasSubstr("usage_ingest_lag_seconds{")));
}

TEST_F(MetricsTest, AnUnknownLagIsNotANumber) {
  const TopicPartition* const assigned[] = {&kUsage0};
  lag_.Assign(assigned);
  EXPECT_THAT(metrics_.Render(),
              AllOf(HasSubstr("usage_ingest_lag_records{partition=\"0\",topic="),
                    HasSubstr("} Nan\n"), Not(HasSubstr("} 0\nusage_ingest_lag_seconds"))));
}

TEST_F(MetricsTest, APartitionThatIsStuckHasASeriesUntilItIsReadOrGoes) {
  const std::string series = "usage_ingest_partition_stuck{";
  const auto stuck = [](bool is_stuck) {
    return pipeline::PartitionStuck{.source = &kUsage0,
                                    .reason = pipeline::StuckReason::kCorruptBatch,
                                    .stuck = is_stuck,
                                    .offset = Offset{7},
                                    .why = "why"};
  };
  metrics_.On(stuck(true));
  metrics_.On(stuck(true));
  EXPECT_THAT(metrics_.Render(), AllOf(HasSubstr(series), HasSubstr("reason=\"corrupt_batch\"")));
  metrics_.On(stuck(false));
  EXPECT_THAT(metrics_.Render(), Not(HasSubstr(series)));
  metrics_.On(stuck(true));
  metrics_.On(pipeline::PartitionsAssigned{{}});
  EXPECT_THAT(metrics_.Render(), Not(HasSubstr(series)));
}

TEST_F(MetricsTest, ABatchIsHeldUntilItsOwnLaneCommitsIt) {
  EXPECT_THAT(metrics_.Render(), HasSubstr("usage_ingest_batch_held_seconds 0\n"));
  metrics_.On(pipeline::BatchHeld{{.lane = 1}, true});
  metrics_.On(pipeline::BatchHeld{{.lane = 0}, true});
  metrics_.On(pipeline::BatchHeld{{.lane = 0}, false});
  EXPECT_THAT(metrics_.Render(), Not(HasSubstr("usage_ingest_batch_held_seconds 0\n")));
  metrics_.On(pipeline::BatchHeld{{.lane = 1}, false});
  EXPECT_THAT(metrics_.Render(), HasSubstr("usage_ingest_batch_held_seconds 0\n"));
}

TEST_F(MetricsTest, AsksForLiveValuesAtTheScrape) {
  pipeline::DeadLettersPending pending;
  pending.by_reason[static_cast<std::size_t>(DeadLetterReason::kMonthRejected)] = 5;
  metrics_.On(pending);
  metrics_.On(pipeline::RetentionOverdue{std::chrono::hours(1)});
  metrics_.On(pipeline::PartitionRunway{std::chrono::hours(24)});
  metrics_.On(pipeline::IndexesWatched{.partitions_waiting = 2,
                                       .not_deferred = 1,
                                       .built = 10,
                                       .build_time = std::chrono::milliseconds(2'500)});
  metrics_.On(pipeline::CopyPathChosen{{.lane = 0}, pipeline::CopyPath::kConstraints});
  metrics_.On(pipeline::ReadingPaused{pipeline::PauseReason::kPostgres, true});
  const std::string text = metrics_.Render();
  EXPECT_THAT(text, HasSubstr("usage_ingest_queue_records 7\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_queue_bytes 4096\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_queue_bytes_limit 8192\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_dead_letters_pending{reason=\"month_rejected\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_dead_letters_pending{reason=\"invalid_json\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_retention_overdue_seconds 3600\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_partition_runway_seconds 86400\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_partitions_waiting_for_indexes 2\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_indexes_not_deferred 1\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_indexes_built 10\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_index_build_seconds 2.5\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_copy_path{path=\"batch\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_copy_path{path=\"constraints\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_paused{reason=\"postgres\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("process_open_fds "));
  EXPECT_THAT(text, Not(HasSubstr("process_resident_memory_bytes 0\n")));
  EXPECT_THAT(text, Not(HasSubstr("process_start_time_seconds 0\n")));
}

TEST_F(MetricsTest, CountsErrorsByWhatWasDoneAboutThem) {
  metrics_.On(pipeline::PostgresFailed{pipeline::PostgresErrorClass::kTransient, "secret text"});
  metrics_.On(pipeline::KafkaFailed{pipeline::KafkaErrorClass::kFatal, "secret text"});
  metrics_.On(pipeline::Fenced{"x"});
  metrics_.On(pipeline::OffsetGap{&kUsage0, 42});
  metrics_.On(pipeline::LogChanged{&kUsage0, pipeline::LogChange::kTruncated});
  metrics_.On(pipeline::DeadLettersHealed{3});
  metrics_.On(pipeline::PartitionsAssigned{{}});
  const std::string text = metrics_.Render();
  EXPECT_THAT(text, HasSubstr("usage_ingest_postgres_errors_total{class=\"transient\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_kafka_errors_total{class=\"fatal\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_fenced_total 1\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_offset_gap_records_total 42\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_log_changes_total{change=\"truncated\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_dead_letters_healed_total 3\n"));
  EXPECT_THAT(text, HasSubstr("usage_ingest_rebalances_total 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace usage_ingest::telemetry
