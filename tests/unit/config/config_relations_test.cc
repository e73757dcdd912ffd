// Rules between two keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/config/config_load.h"

namespace usage_ingest::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

LoadedConfig LoadWithRequired(const std::string& text) {
  return LoadConfig(
      ConfigText{"kafka.brokers = 'k:9092'\npostgres.conninfo = 'host=db'\n" + text, "test.toml"},
      {});
}

TEST(ConfigRelationsTest, ManyWritersOfASmallBudgetAreAWarning) {
  const LoadedConfig loaded = LoadWithRequired("postgres.writers = 16\nmemory.budget = '2GiB'\n");
  EXPECT_TRUE(loaded.problems.empty());
  ASSERT_THAT(loaded.warnings, ElementsAre(HasSubstr("postgres.writers = 16")));
  EXPECT_THAT(loaded.warnings[0], HasSubstr("leaves 53 MiB"));
  EXPECT_THAT(loaded.warnings[0], HasSubstr("raise memory.budget to 2385MiB"));
}

TEST(ConfigRelationsTest, TheBudgetOfTheWarningIsEnough) {
  const LoadedConfig loaded =
      LoadWithRequired("postgres.writers = 16\nmemory.budget = '2385MiB'\n");
  EXPECT_TRUE(loaded.problems.empty());
  EXPECT_TRUE(loaded.warnings.empty());
}

TEST(ConfigRelationsTest, DeferredIndexesNeedDays) {
  const LoadedConfig refused = LoadWithRequired("partitions.indexes = 'deferred'\n");
  ASSERT_EQ(refused.problems.size(), 1u);
  EXPECT_THAT(refused.problems[0].what, HasSubstr("without indexes for a month"));
  EXPECT_THAT(refused.problems[0].fix, HasSubstr("partitions.by"));
  EXPECT_THAT(refused.problems[0].where, HasSubstr("test.toml:3"));
  EXPECT_TRUE(LoadWithRequired("partitions.by = 'day'\npartitions.indexes = 'deferred'\n")
                  .problems.empty());
}

}  // namespace
}  // namespace usage_ingest::config
