#include "daemon/config/config_reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace usage_ingest::config {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ConfigReloadTest, NothingChangesWhenNothingHasChanged) {
  const ReloadPlan plan = PlanReload(Config{}, Config{});
  EXPECT_THAT(plan.applied, IsEmpty());
  EXPECT_THAT(plan.refused, IsEmpty());
}

TEST(ConfigReloadTest, TakesOverTheLogAndNamesWhatNeedsARestart) {
  Config wanted;
  wanted.log_level = LogLevel::kDebug;
  wanted.postgres.writers = 7;
  wanted.kafka.properties["sasl.password"] = "x";
  const ReloadPlan plan = PlanReload(Config{}, wanted);
  EXPECT_THAT(plan.applied, ElementsAre("log.level"));
  EXPECT_THAT(plan.refused, ElementsAre("postgres.writers", "kafka.properties"));
  EXPECT_EQ(plan.config.log_level, LogLevel::kDebug);
  EXPECT_EQ(plan.config.postgres.writers, 2u);
  EXPECT_THAT(plan.config.kafka.properties, IsEmpty());
}

}  // namespace
}  // namespace usage_ingest::config
