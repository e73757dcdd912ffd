#include "daemon/telemetry/catch_up.h"

#include <gtest/gtest.h>

#include <limits>
#include <vector>

namespace usage_ingest::telemetry {
namespace {

using std::chrono::seconds;
constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();

std::optional<double> CatchUp(const std::optional<Lag>& lag, const std::vector<float>& samples) {
  return CatchUpSeconds(lag, samples, seconds(2));
}

TEST(CatchUpTest, IsTheLagDividedByTheSpeedAtWhichItFalls) {
  EXPECT_EQ(CatchUp(Lag{900, 60}, {1'000, 900}), 18);
  EXPECT_EQ(CatchUp(Lag{900, 60}, {1'000, 1'100, 900}), 36) << "one large batch is not the speed";
}

TEST(CatchUpTest, LooksAtTheLastHalfMinuteOnly) {
  std::vector<float> samples(60, 100'000);
  for (int i = 0; i <= 15; ++i) samples.push_back(static_cast<float>(4'000 - 100 * i));
  EXPECT_EQ(CatchUp(Lag{2'500, 60}, samples), 50);
}

TEST(CatchUpTest, ALagThatDoesNotFallHasNoEnd) {
  EXPECT_EQ(CatchUp(Lag{900, 60}, {900, 900}), std::nullopt);
  EXPECT_EQ(CatchUp(Lag{900, 60}, {800, 900}), std::nullopt);
}

TEST(CatchUpTest, WhatIsUnknownStaysUnknown) {
  EXPECT_EQ(CatchUp(std::nullopt, {1'000, 900}), std::nullopt);
  EXPECT_EQ(CatchUp(Lag{900, 60}, {}), std::nullopt);
  EXPECT_EQ(CatchUp(Lag{900, 60}, {900}), std::nullopt);
  EXPECT_EQ(CatchUp(Lag{900, 60}, {kUnknown, 900}), std::nullopt);
}

TEST(CatchUpTest, WhatIsInTheOpenBatchIsCaughtUp) {
  EXPECT_EQ(CatchUp(Lag{500, 0.4}, {400, 500}), 0);
  EXPECT_EQ(CatchUp(Lag{0, 0}, {}), 0);
}

}  // namespace
}  // namespace usage_ingest::telemetry
