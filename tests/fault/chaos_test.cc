// All processes are killed at random under load, for a given time. The database refuses parts of
// batches, changes its schema and loses rows. Then the totals match.
//
// USAGE_INGEST_CHAOS_MINUTES, USAGE_INGEST_SEED and USAGE_INGEST_CHAOS_RATE (events a second) make
// the long run; ctest runs a minute. The seed draws what is done, not when a process gets there.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>

#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using StopMode = PostgresCluster::StopMode;

constexpr std::size_t kDaemons = 3;
constexpr auto kStep = 1s;

std::uint64_t Setting(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

std::uint64_t Minutes() { return Setting("USAGE_INGEST_CHAOS_MINUTES", 1); }
// Half an hour of it is more than five million events.
std::uint64_t Rate() { return Setting("USAGE_INGEST_CHAOS_RATE", 3'000); }
std::uint64_t Seed() {
  static const std::uint64_t seed = Setting("USAGE_INGEST_SEED", std::random_device{}());
  return seed;
}

// What a part of a batch can become when the database refuses it.
constexpr const char* kSetAside[] = {"rejected_by_database", "month_rejected",
                                     "subscription_rejected", "resources_exceeded"};

// A subscription whose counters are refused, as when one is full.
constexpr const char* kFailSubscription =
    "CREATE OR REPLACE FUNCTION chaos_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "RAISE 'counter is full' USING ERRCODE = '22003'; END $$; "
    "CREATE OR REPLACE TRIGGER chaos_refuse BEFORE UPDATE OF used_tokens ON subscriptions FOR EACH "
    "ROW WHEN (NEW.id = '{}') EXECUTE FUNCTION chaos_refuse()";
// A trigger of another program, which declines some rows.
constexpr const char* kForeignTrigger =
    "CREATE OR REPLACE FUNCTION chaos_decline() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF NEW.request_tokens % 499 = 7 THEN RETURN NULL; END IF; RETURN NEW; END $$; "
    "CREATE OR REPLACE TRIGGER chaos_decline BEFORE INSERT ON usage_logs FOR EACH ROW EXECUTE "
    "FUNCTION chaos_decline()";
constexpr const char* kDropTriggers =
    "DROP TRIGGER IF EXISTS chaos_refuse ON subscriptions; "
    "DROP TRIGGER IF EXISTS chaos_decline ON usage_logs";
constexpr const char* kDdl[] = {
    "ALTER TABLE usage_logs ADD COLUMN IF NOT EXISTS chaos INTEGER DEFAULT 7",
    "ALTER TABLE usage_logs DROP COLUMN IF EXISTS chaos",
    "CREATE INDEX IF NOT EXISTS chaos_index ON usage_logs (latency_ms)",
    "DROP INDEX IF EXISTS chaos_index",
    "ALTER TABLE usage_summaries ALTER COLUMN avg_latency_ms SET STATISTICS 200",
};

struct Member {
  std::unique_ptr<DaemonProcess> process;
  Clock::time_point wakes;  // a stopped one goes on then
  bool stopped = false;
};

class ChaosTest : public PipelineTest {
 protected:
  // fsync stays on: PostgreSQL itself is killed. A broker that was killed reads the last segment of
  // each partition again: they are small, so that this takes no longer late in a long run.
  ChaosTest()
      : PipelineTest({.postgres = {.fsync = true},
                      .kafka = {.settings = {{"log.segment.bytes", "33554432"}}},
                      .partitions = 8}),
        random_(Seed()),
        load_(
            {.seed = Seed(), .events = Minutes() * 60 * Rate(), .users = 200, .subscriptions = 800},
            kTopic) {}

  void SetUp() override {
    PipelineTest::SetUp();
    load_.SeedDatabase(postgres_.conninfo(kDatabase));
    totals_ =
        std::make_unique<Totals>(database_);  // the oracle takes too long for this number of rows
    producer_ = std::make_unique<Producer>(
        kafka_.brokers(), std::map<std::string, std::string>{{"message.timeout.ms", "600000"}});
    for (std::size_t i = 0; i < kDaemons; ++i) {
      DaemonOptions options = DaemonDefaults();
      options.settings["log"]["level"] = "\"info\"";
      options.kafka_properties["session.timeout.ms"] = "3000";
      options.settings["batch"]["rows_max"] = "1000";
      members_.push_back({.process = std::make_unique<DaemonProcess>(options), .wakes = {}});
      members_.back().process->Start();
    }
  }

  Member& AnyMember() { return members_[random_() % kDaemons]; }

  void Restart(Member& member, bool kill) {
    Wake(member);
    if (kill) {
      member.process->Kill();
    } else {
      EXPECT_EQ(member.process->Terminate(), 0) << member.process->log();
    }
    member.process->Start();
  }
  static void Wake(Member& member) {
    if (member.stopped) member.process->Signal(SIGCONT);
    member.stopped = false;
  }

  // One thing that goes wrong; its name is counted.
  std::string Break() {
    switch (random_() % 14) {
      case 0:
      case 1:
        Restart(AnyMember(), true);
        return "daemon killed";
      case 2:
        Restart(AnyMember(), false);
        return "daemon terminated";
      case 3:
      case 4: {
        Member& member = AnyMember();
        if (!member.stopped) member.process->Signal(SIGSTOP);
        member.stopped = true;
        member.wakes = Clock::now() + std::chrono::milliseconds(random_() % 12'000);
        return "daemon stopped";
      }
      case 5:
        postgres_.Restart(StopMode::kImmediate);
        return "postgres restarted";
      case 6:
        kafka_.Kill();
        kafka_.Start();
        return "broker killed";
      case 7:
        database_.Execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name LIKE 'usage-ingestd/%'");
        return "sessions terminated";
      case 8:
        return RunAsOwner("subscription fails",
                          fmt::format(fmt::runtime(kFailSubscription), AnySubscription()));
      case 9:
        return RunAsOwner("foreign trigger", kForeignTrigger);
      case 10:
        return RunAsOwner("triggers dropped", kDropTriggers);
      case 11:
        return RunAsOwner("sequence exhausted",
                          "SELECT setval('usage_ingest.dead_letters_id_seq', 1, false)");
      case 12:
        return RunAsOwner("DDL", kDdl[random_() % std::size(kDdl)]);
      default:
        return RunAsOwner("subscriptions touched",
                          "UPDATE subscriptions SET quota_requests = quota_requests + 1");
    }
  }

  // As LiteMaaS or a person does it. What a stopped daemon locks is not waited for without end.
  std::string RunAsOwner(const std::string& what, const std::string& sql) {
    Database owner = ConnectAsOwner();
    owner.Execute("SET lock_timeout = '2s'");
    try {
      owner.Execute(sql);
    } catch (const DatabaseError& error) {
      if (error.sqlstate != "55P03" && error.sqlstate != "40P01") throw;
      return what + " (locked)";
    }
    return what;
  }
  std::string AnySubscription() {
    return database_.Value("SELECT id FROM subscriptions ORDER BY id OFFSET " +
                           std::to_string(random_() % 800) + " LIMIT 1");
  }
  std::int64_t Letters(const std::string& state) {
    return database_.Number(
        "SELECT count(*) FROM usage_ingest.dead_letters WHERE state = '" + state +
        "' AND reason IN ('rejected_by_database', 'month_rejected', 'subscription_rejected', "
        "'resources_exceeded')");
  }
  void WakeAll() {
    for (Member& member : members_) Wake(member);
  }
  // All that was published is ingested, nothing is refused now, and what was set aside is written.
  void Mend() {
    WakeAll();
    ASSERT_TRUE(
        WaitUntil(After(120s), [&] { return RunAsOwner("dropped", kDropTriggers) == "dropped"; }));
    ASSERT_TRUE(WaitUntil(
        After(600s),
        [&] { return Totals::CaughtUp(database_, load_.Expected(*producer_), kafka_.admin()); }))
        << "still " << static_cast<std::int64_t>(load_.published()) - Accounted() << " behind";
    ASSERT_TRUE(WaitUntil(After(300s), [&] {
      for (const char* reason : kSetAside) {
        if (Letters("pending") == 0) break;
        // ignored because the daemons retry the same letters: then this one is fenced
        static_cast<void>(
            members_[0].process->Run({"dead-letters", "retry", "--reason", reason}, 300s));
      }
      return Letters("pending") == 0;
    }));
  }
  // Its rows and summaries are gone while the daemons run: they notice it, a replay heals it.
  void Truncate() {
    ASSERT_NO_FATAL_FAILURE(Mend());
    const std::int64_t rows = RowCount();
    ASSERT_TRUE(WaitUntil(After(60s), [&] {
      return RunAsOwner("truncated", "TRUNCATE usage_logs, usage_summaries") == "truncated";
    }));
    DaemonProcess& daemon = *members_[0].process;
    ASSERT_TRUE(WaitUntil(After(60s), [&] {
      return daemon.ready() && daemon.Metric("usage_ingest_sampled_rows_missing") > 0;
    })) << daemon.log();
    const CommandResult replayed =
        daemon.Run({"replay", "--topic", kTopic, "--from-time", "2000-01-01", "--to-time",
                    "2100-01-01", "--no-quota", "--no-history"},
                   900s);
    ASSERT_EQ(replayed.exit_code, 0) << replayed.errors;
    EXPECT_EQ(RowCount(), rows);
  }

  // Records that are committed, however they ended.
  [[nodiscard]] std::int64_t Accounted() {
    return database_.Number(
        "SELECT coalesce(sum(records), 0)::bigint FROM usage_ingest.kafka_offsets");
  }
  void ExpectAllAlive() {
    for (Member& member : members_) {
      if (member.stopped && Clock::now() >= member.wakes) Wake(member);
      ASSERT_TRUE(member.process->running()) << member.process->log();
    }
  }

  std::mt19937_64 random_;
  GeneratedLoad load_;
  std::unique_ptr<Producer> producer_;
  std::vector<Member> members_;
};

TEST_F(ChaosTest, TotalsMatchAfterRandomKillsOfEverything) {
  SCOPED_TRACE("USAGE_INGEST_SEED=" + std::to_string(Seed()));
  std::map<std::string, int> done;
  const auto began = Clock::now();
  const auto end = began + std::chrono::minutes(Minutes());
  auto next = began + kStep;
  // Early, since the replay reads all that there is.
  const auto truncates = began + 20s;
  while (Clock::now() < end) {
    const auto elapsed =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
    const std::uint64_t due =
        std::min(load_.events(), static_cast<std::uint64_t>(elapsed.count()) * Rate() / 1000);
    if (due > load_.published()) load_.Produce(*producer_, due - load_.published());
    ASSERT_NO_FATAL_FAILURE(ExpectAllAlive());
    if (Clock::now() >= truncates && done["truncated"] == 0) {
      ASSERT_NO_FATAL_FAILURE(Truncate());
      ++done["truncated"];
    }
    if (Clock::now() >= next) {
      ++done[Break()];
      next = Clock::now() + kStep + std::chrono::milliseconds(random_() % 2'000);
    }
    // ignored because it only gives the others the processor for a moment
    static_cast<void>(WaitUntil(After(10ms), [] { return false; }));
  }
  load_.PublishAll(*producer_);
  const auto published = Clock::now();
  const std::int64_t behind = static_cast<std::int64_t>(load_.published()) - Accounted();
  ASSERT_NO_FATAL_FAILURE(Mend());
  const auto caught_up = Clock::now();
  ExpectedTotals expected = load_.Expected(*producer_);
  expected.rows_from_elsewhere = Letters("resolved");
  *expected.inserted -= Letters("resolved");
  *expected.duplicates -= Letters("duplicate");
  *expected.dead_lettered += Letters("resolved") + Letters("duplicate");
  totals_->ExpectMatch(database_, kafka_.admin(), expected);
  for (Member& member : members_)
    EXPECT_EQ(member.process->Terminate(), 0) << member.process->log();

  std::cout << "seed " << Seed() << ": " << load_.published() << " events, " << RowCount()
            << " rows; at the end " << behind << " behind, caught up in "
            << std::chrono::duration_cast<std::chrono::seconds>(caught_up - published).count()
            << " s; set aside and written later " << Letters("resolved");
  for (const auto& [what, times] : done) std::cout << "; " << what << " " << times;
  std::cout << "\n";
}

}  // namespace
}  // namespace usage_ingest::support
