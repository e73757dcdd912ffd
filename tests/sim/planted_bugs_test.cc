// Goal: the simulation is worth its name. Method: plant a bug of each kind, and see that some seed
// of the first two thousand finds it.
#include <gtest/gtest.h>

#include "tests/sim/seed_guard.h"
#include "tests/sim/simulation.h"

namespace usage_ingest::sim {
namespace {

constexpr std::uint64_t kSeedsMax = 2'000;

class PlantedBugTest : public ::testing::TestWithParam<PlantedBug> {};

TEST_P(PlantedBugTest, IsFound) {
  for (std::uint64_t seed = 0; seed < kSeedsMax; ++seed) {
    const SeedGuard guard(seed);
    const SimulationResult result = Simulation({.seed = seed, .bug = GetParam()}).Run();
    if (result.violation.empty()) continue;
    RecordProperty("found", "seed=" + std::to_string(seed) + " " + result.violation);
    return;
  }
  FAIL() << "no seed below " << kSeedsMax << " finds it";
}

INSTANTIATE_TEST_SUITE_P(
    Bugs, PlantedBugTest,
    ::testing::Values(
        PlantedBug::kCasIgnored, PlantedBug::kDuplicatesAccepted, PlantedBug::kSilentReconnect,
        PlantedBug::kAggregatedTwice, PlantedBug::kLostCommitRetried,
        PlantedBug::kLostCommitBelieved, PlantedBug::kAckBeforeCommit, PlantedBug::kEpochIgnored,
        PlantedBug::kRowsOutsideOfCommit, PlantedBug::kParentsNotLocked,
        PlantedBug::kDeadLettersDropped, PlantedBug::kQuotasDropped, PlantedBug::kSuspensionTwice,
        PlantedBug::kSumsOverwritten, PlantedBug::kOffsetsAfterRows, PlantedBug::kZombieLeftAlone,
        PlantedBug::kKafkasOffsetBelieved, PlantedBug::kKafkaAhead, PlantedBug::kGapNotTold,
        PlantedBug::kWentBackUnnoticed, PlantedBug::kBytesIgnored, PlantedBug::kTopicIdIgnored,
        PlantedBug::kElectionUnnoticed, PlantedBug::kLettersOfAllLogs, PlantedBug::kRefusalHeld,
        PlantedBug::kPieceNotUndone, PlantedBug::kFailureRefuses, PlantedBug::kHistoryDropped,
        PlantedBug::kHistoryDeleted),
    [](const auto& chosen) {
      return std::string(kPlantedBugNames.at(static_cast<std::size_t>(chosen.param)));
    });

}  // namespace
}  // namespace usage_ingest::sim
