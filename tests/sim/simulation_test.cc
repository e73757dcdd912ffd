// Every invariant, under everything that goes wrong, for 10,000 seeds.
#include "tests/sim/simulation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/sim/seed_guard.h"

namespace usage_ingest::sim {
namespace {

// Enough seeds for every fault to happen.
constexpr std::uint64_t kSeedsToMeetAll = 1'000;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// A sanitizer finds what it looks for in few seeds, and takes its time.
constexpr std::uint64_t kSeedsPerCase = kSeedsToMeetAll / 10;
#else
constexpr std::uint64_t kSeedsPerCase = kSeedsToMeetAll;
#endif

void Add(AwaitPoints& sum, const AwaitPoints& points) {
  for (std::size_t step = 0; step < points.size(); ++step) {
    for (const std::size_t side : {0U, 1U}) sum[step][side] += points[step][side];
  }
}

class SimulationTest : public ::testing::TestWithParam<std::uint64_t> {};

// Environment variable SIM_SEED runs one seed instead, as found seeds are looked at.
TEST_P(SimulationTest, HoldsEveryInvariant) {
  const SeedRange range = SeedsOf(GetParam() * kSeedsPerCase, kSeedsPerCase);
  SimulationResult all;
  for (std::uint64_t seed = range.first; seed < range.end; ++seed) {
    const SeedGuard guard(seed);
    const SimulationResult result = Simulation({.seed = seed}).Run();
    ASSERT_EQ(result.violation, "") << "seed=" << seed;
    all.records += result.records;
    all.commits += result.commits;
    all.fenced += result.fenced;
    all.read_again += result.read_again;
    all.staged += result.staged;
    all.settled_in = std::max(all.settled_in, result.settled_in);
    Add(all.crashes, result.crashes);
    Add(all.losses, result.losses);
  }
  RecordProperty("records", std::to_string(all.records));
  RecordProperty("commits", std::to_string(all.commits));
  RecordProperty("fenced", std::to_string(all.fenced));
  RecordProperty("read_again", std::to_string(all.read_again));
  RecordProperty("staged", std::to_string(all.staged));
  RecordProperty("settled_in_ms", std::to_string(all.settled_in.count() / 1'000'000));
  if (range.end - range.first != kSeedsToMeetAll) return;
  // A simulation in which nothing happens proves nothing.
  EXPECT_GT(all.commits, 10 * std::int64_t{kSeedsPerCase});
  EXPECT_GT(all.fenced, std::int64_t{kSeedsPerCase} / 4);
  EXPECT_GT(all.staged, std::int64_t{kSeedsPerCase} / 4);
  EXPECT_GT(all.read_again, std::int64_t{kSeedsPerCase} / 4);
  for (std::size_t step = 0; step < all.crashes.size(); ++step) {
    // Few rows are refused without a line, and fewer die behind the BEGIN that looks for one.
    EXPECT_THAT(all.crashes[step], ::testing::Contains(::testing::Gt(0))) << "step " << step;
    EXPECT_THAT(all.losses[step], ::testing::Each(::testing::Gt(0))) << "step " << step;
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SimulationTest, ::testing::Range<std::uint64_t>(0, 10),
                         [](const auto& seeds) {
                           return "From" + std::to_string(seeds.param * kSeedsPerCase);
                         });

// The same seed is the same run, else a found seed would be worth nothing.
TEST(SimulationRepeatTest, SameSeedIsTheSameRun) {
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    const SimulationResult first = Simulation({.seed = seed}).Run();
    const SimulationResult second = Simulation({.seed = seed}).Run();
    EXPECT_EQ(first.commits, second.commits) << "seed=" << seed;
    EXPECT_EQ(first.records, second.records) << "seed=" << seed;
    EXPECT_EQ(first.fenced, second.fenced) << "seed=" << seed;
  }
}

}  // namespace
}  // namespace usage_ingest::sim
