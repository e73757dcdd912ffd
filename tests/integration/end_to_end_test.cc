// LiteLLM's events become rows, summaries and quotas: the main job, on real parts.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "tests/support/compare.h"
#include "tests/support/pipeline/captured_events.h"
#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

class EndToEndTest : public PipelineTest {};

void PublishCaptured(Producer& producer) {
  for (const CapturedEvent& event : CapturedEvents()) {
    producer.Produce({.topic = kTopic,
                      .key = event.key,
                      .value = event.value,
                      .timestamp_ms = event.timestamp_ms});
  }
  producer.Flush();
}

// Requests and tokens of each subscription that was used, as the generator knows them.
std::vector<std::string> QuotaLines(const GeneratedLoad& load) {
  std::vector<std::string> lines;
  std::istringstream csv(load.expectation().QuotasCsv(load.population()));
  for (std::string line; std::getline(csv, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::vector<std::string> QuotaLines(Database& database) {
  std::vector<std::string> lines;
  for (const Row& row : database.Query("SELECT id, used_requests, used_tokens FROM subscriptions "
                                       "WHERE used_requests <> 0")) {
    lines.push_back(*row[0] + "," + *row[1] + "," + *row[2]);
  }
  std::sort(lines.begin(), lines.end());
  return lines;
}

// INV-1, INV-2, INV-3, INV-8 on events that LiteLLM itself made.
TEST_F(EndToEndTest, CapturedEventsBecomeWhatTheOracleSays) {
  SeedCaptured(database_);
  RememberTotals();
  Producer producer(kafka_.brokers());
  PublishCaptured(producer);
  DaemonProcess daemon(DaemonDefaults());
  daemon.StartAndWait();
  ExpectTotalsMatch({.records = producer.delivered()});
  EXPECT_EQ(daemon.Terminate(), 0) << daemon.log();
}

// The same in daily partitions; what the commands for operators say fits.
TEST_F(EndToEndTest, DailyPartitionsHoldTheSame) {
  database_.Execute(
      "UPDATE usage_ingest.partitioning SET unit = 'day'; "
      "DO $$ DECLARE month TEXT; BEGIN FOR month IN SELECT name FROM "
      "usage_ingest.partitions_of_usage_logs() LOOP EXECUTE 'DROP TABLE ' || month; END LOOP; END "
      "$$");
  SeedCaptured(database_);
  RememberTotals();
  Producer producer(kafka_.brokers());
  PublishCaptured(producer);
  DaemonOptions options = DaemonDefaults();
  options.settings["partitions"]["by"] = "\"day\"";
  DaemonProcess daemon(options);
  daemon.StartAndWait();
  ExpectTotalsMatch({.records = producer.delivered()});
  EXPECT_GT(
      database_.Number("SELECT count(DISTINCT tableoid) FROM usage_logs WHERE "
                       "tableoid::regclass::text ~ '^usage_logs_[0-9]{4}_[0-9]{2}_[0-9]{2}$'"),
      0);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"summaries", "verify"}, {"partitions", "ensure"}}) {
    const CommandResult result = daemon.Run(command);
    EXPECT_EQ(result.exit_code, 0) << result.output << result.errors;
  }
  EXPECT_EQ(daemon.Terminate(), 0) << daemon.log();
}

// INV-1 and INV-4 hold at every moment, not only at the end: one SELECT, at any moment.
TEST_F(EndToEndTest, TotalsMatchAtEveryMoment) {
  GeneratedLoad load({.events = 20'000, .odd_share = 0.1}, kTopic);
  Install(load);
  Producer producer(kafka_.brokers());
  load.PublishAll(producer);
  DaemonProcess daemon(SmallBatches());
  daemon.Start();
  std::set<std::string> looks;
  const auto is_done = [&] {
    const Row look = database_.Query(
        "SELECT count(*) FILTER (WHERE events <> inserted + duplicates + dead_lettered + skipped), "
        "coalesce(sum(inserted), 0), (SELECT count(*) FROM usage_logs), "
        "(SELECT coalesce(sum(request_count), 0) FROM usage_summaries WHERE period_type = 'hour'), "
        "(SELECT sum(used_requests) FROM subscriptions), "
        "coalesce(sum(dead_lettered), 0), (SELECT count(*) FROM usage_ingest.dead_letters), "
        "coalesce(sum(events), 0) FROM usage_ingest.kafka_offsets")[0];
    EXPECT_EQ(*look[0], "0") << "INV-1";
    for (int i = 2; i <= 4; ++i) EXPECT_EQ(*look[1], *look[static_cast<std::size_t>(i)]) << i;
    EXPECT_EQ(*look[5], *look[6]);
    looks.insert(*look[7]);
    return std::stoll(*look[7]) == 20'000 || HasFailure();
  };
  EXPECT_TRUE(WaitUntil(After(std::chrono::seconds(120)), is_done)) << daemon.log();
  EXPECT_GT(looks.size(), 5U) << "looked at too rarely to mean anything";
  ExpectTotalsMatch(load.Expected(producer));
}

TEST_F(EndToEndTest, GeneratedEventsBalanceToTheLastToken) {
  GeneratedLoad load({.events = 20'000}, kTopic);
  Install(load);
  Producer producer(kafka_.brokers());
  load.PublishAll(producer);
  DaemonProcess daemon(DaemonDefaults());
  daemon.StartAndWait();
  ExpectTotalsMatch(load.Expected(producer));
  ExpectSameLines("quotas", QuotaLines(load), QuotaLines(database_));
  EXPECT_EQ(database_.Number("SELECT sum(total_cost * 1000000)::bigint FROM usage_logs"),
            load.expectation().total().cost_micros);
  EXPECT_EQ(database_.Number("SELECT sum(latency_ms) FROM usage_logs"),
            load.expectation().total().latency_ms);

  // What the daemon says of itself is what the database holds.
  const auto counted = [&](const char* outcome) {
    return static_cast<std::int64_t>(
        daemon.Metric("usage_ingest_events_total", {std::string("outcome=\"") + outcome + "\""}));
  };
  EXPECT_EQ(counted("inserted"), load.expectation().inserted());
  EXPECT_EQ(counted("duplicate"), load.expectation().duplicates());
  EXPECT_EQ(counted("dead_letter"), load.expectation().dead_lettered());
  EXPECT_EQ(counted("skipped"), load.expectation().skipped());
  EXPECT_EQ(daemon.Get("/healthz").status, 200);
  EXPECT_EQ(daemon.Terminate(), 0) << daemon.log();
}

// Several daemons are one consumer group; nothing is shared but PostgreSQL.
TEST_F(EndToEndTest, TwoDaemonsShareTheTopic) {
  GeneratedLoad load({.events = 20'000}, kTopic);
  Install(load);
  Producer producer(kafka_.brokers());
  DaemonProcess first(SmallBatches());
  DaemonProcess second(SmallBatches());
  first.StartAndWait();
  second.StartAndWait();
  load.PublishAll(producer);
  ExpectTotalsMatch(load.Expected(producer));
  EXPECT_GT(first.Metric("usage_ingest_records_total"), 0);
  EXPECT_GT(second.Metric("usage_ingest_records_total"), 0);
  EXPECT_EQ(first.Terminate(), 0) << first.log();
  EXPECT_EQ(second.Terminate(), 0) << second.log();
}

// Each partition of each topic has its own place.
TEST_F(EndToEndTest, SeveralTopicsAreOneStream) {
  constexpr char kOther[] = "litellm.usage.other";
  kafka_.CreateTopic(kOther, 3);
  GeneratedLoad load({.events = 3'000}, kTopic);
  // The same people, other requests: they begin some time later.
  GeneratedLoad other({.events = 2'000}, kOther);
  Install(load);
  Producer producer(kafka_.brokers());
  DaemonOptions options = SmallBatches();
  options.topics = {kTopic, kOther};
  DaemonProcess daemon(options);
  daemon.StartAndWait();
  load.PublishAll(producer);
  other.PublishAll(producer);
  ExpectedTotals expected = load.Expected(producer);
  const ExpectedTotals more = other.Expected(producer);
  expected.inserted = *expected.inserted + *more.inserted;
  expected.duplicates = *expected.duplicates + *more.duplicates;
  expected.dead_lettered = *expected.dead_lettered + *more.dead_lettered;
  expected.skipped = *expected.skipped + *more.skipped;
  ExpectTotalsMatch(expected);
  EXPECT_EQ(database_.Number("SELECT count(*) FROM usage_ingest.kafka_offsets"), partitions_ + 3);
  EXPECT_EQ(daemon.Terminate(), 0) << daemon.log();
}

// `start` is only for a topic that the group has never seen.
TEST_F(EndToEndTest, LatestLeavesWhatWasThereAndTakesWhatComes) {
  GeneratedLoad load({.events = 3'000, .duplicate_share = 0, .odd_share = 0}, kTopic);
  Install(load);
  Producer before(kafka_.brokers());
  load.Publish(before, 1'000);
  DaemonOptions options = DaemonDefaults();
  options.settings["kafka"]["start"] = "\"latest\"";
  DaemonProcess daemon(options);
  daemon.StartAndWait();
  Producer after(kafka_.brokers());
  load.Publish(after, 1'000);
  ExpectTotalsMatch({.records = after.delivered(), .inserted = 1'000});
  EXPECT_EQ(daemon.Terminate(), 0) << daemon.log();

  // A second start goes on where it was, whatever `start` says.
  load.Publish(after, 1'000);
  daemon.StartAndWait();
  totals_->ExpectMatch(database_, kafka_.admin(),
                       {.records = after.delivered(), .inserted = 2'000});
}

}  // namespace
}  // namespace usage_ingest::support
