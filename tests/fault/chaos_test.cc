// All processes are killed at random under load, for a given time; then the totals match.
//
// USAGE_INGEST_CHAOS_MINUTES, USAGE_INGEST_SEED and USAGE_INGEST_CHAOS_RATE (events a second) make
// the long run; ctest runs a minute. The seed draws what is done, not when a process gets there.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>

#include "tests/support/pipeline_fixture.h"

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
    switch (random_() % 9) {
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
      default:
        ConnectAsOwner().Execute("UPDATE subscriptions SET quota_requests = quota_requests + 1");
        return "subscriptions touched";
    }
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
  while (Clock::now() < end) {
    const auto elapsed =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
    const std::uint64_t due =
        std::min(load_.events(), static_cast<std::uint64_t>(elapsed.count()) * Rate() / 1000);
    if (due > load_.published()) load_.Produce(*producer_, due - load_.published());
    ASSERT_NO_FATAL_FAILURE(ExpectAllAlive());
    if (Clock::now() >= next) {
      ++done[Break()];
      next = Clock::now() + kStep + std::chrono::milliseconds(random_() % 2'000);
    }
    // ignored because it only gives the others the processor for a moment
    static_cast<void>(WaitUntil(After(10ms), [] { return false; }));
  }
  for (Member& member : members_) Wake(member);
  load_.PublishAll(*producer_);
  const auto published = Clock::now();
  const std::int64_t behind = static_cast<std::int64_t>(load_.published()) - Accounted();
  const ExpectedTotals expected = load_.Expected(*producer_);
  EXPECT_TRUE(
      WaitUntil(After(600s), [&] { return Totals::CaughtUp(database_, expected, kafka_.admin()); }))
      << "still " << static_cast<std::int64_t>(load_.published()) - Accounted() << " behind";
  const auto caught_up = Clock::now();
  totals_->ExpectMatch(database_, kafka_.admin(), expected);
  for (Member& member : members_)
    EXPECT_EQ(member.process->Terminate(), 0) << member.process->log();

  std::cout << "seed " << Seed() << ": " << load_.published() << " events, " << RowCount()
            << " rows; at the end " << behind << " behind, caught up in "
            << std::chrono::duration_cast<std::chrono::seconds>(caught_up - published).count()
            << " s";
  for (const auto& [what, times] : done) std::cout << "; " << what << " " << times;
  std::cout << "\n";
}

}  // namespace
}  // namespace usage_ingest::support
