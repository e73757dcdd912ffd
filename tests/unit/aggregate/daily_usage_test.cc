#include "aggregate/daily_usage.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "aggregate/daily_columns.h"

namespace usage_ingest::aggregate {
namespace {

constexpr std::int64_t kDayUs = 86'400'000'000;

Uuid Id(std::uint8_t number) {
  Uuid id;
  id.bytes[15] = number;
  return id;
}

UsageRow Row(std::uint8_t subscription, std::int64_t time_us) {
  UsageRow row;
  row.owner.subscription_id = Id(subscription);
  row.event.model_id = "gpt-4o";
  row.event.created_at = EventTimeUs{time_us};
  row.event.request_tokens = 10;
  row.event.response_tokens = 5;
  row.event.cached_tokens = 4;
  row.event.reasoning_tokens = 2;
  row.event.input_cost = MicroCost{7};
  row.event.latency_ms = 100;
  return row;
}

TEST(DailyRollupTest, AddsUpEachSum) {
  DailyRollup rollup;
  UsageRow row = Row(1, 0);
  rollup.Add(row);
  row.event.status_code = 500;
  row.event.latency_ms.reset();
  row.event.output_cost = MicroCost{1};
  rollup.Add(row);
  row.event.is_request = false;
  rollup.Add(row);
  const std::vector<DailyDelta> days = rollup.Take();
  ASSERT_EQ(days.size(), 1U);
  std::vector<std::int64_t> sums;
  for (const DailyColumn& column : kDailyColumns) sums.push_back(column.sum(days[0].totals));
  EXPECT_EQ(sums, (std::vector<std::int64_t>{2, 1, 30, 15, 12, 6, 23, 100, 1}));
  EXPECT_TRUE(rollup.Take().empty());

  DailyTotals twice = days[0].totals;
  twice.Add(days[0].totals);
  for (std::size_t i = 0; i < sums.size(); ++i) {
    EXPECT_EQ(kDailyColumns[i].sum(twice), 2 * sums[i]) << kDailyColumns[i].name;
  }
}

TEST(DailyRollupTest, DaysAreUtcAlsoBeforeTheEpoch) {
  EXPECT_EQ(DayOf(EventTimeUs{0}), 0);
  EXPECT_EQ(DayOf(EventTimeUs{-1}), -1);
  EXPECT_EQ(DayOf(EventTimeUs{kDayUs - 1}), 0);
  EXPECT_EQ(DayOf(EventTimeUs{1'795'370'400'000'000}), 20'779);  // 2026-11-22
}

TEST(DailyRollupTest, EveryPartOfTheKeyMakesAGroup) {
  DailyRollup rollup;
  UsageRow row = Row(1, 0);
  rollup.Add(row);
  row.owner.api_key_id = Id(2);
  rollup.Add(row);
  row.owner.team_id = Id(3);
  rollup.Add(row);
  row.event.model_id = "other";
  rollup.Add(row);
  row.event.created_at = EventTimeUs{kDayUs};
  rollup.Add(row);
  row.owner.subscription_id = Id(2);
  rollup.Add(row);
  const std::vector<DailyDelta> days = rollup.Take();
  ASSERT_EQ(days.size(), 6U);
  for (const DailyDelta& day : days) EXPECT_EQ(day.totals.totals.requests, 1);
}

// Many groups, so that the index grows and the order of the output is put to the test.
TEST(DailyRollupTest, SortsByKeyAndLosesNothing) {
  std::mt19937 random(7);
  DailyRollup rollup;
  constexpr int kRows = 60'000;
  for (int i = 0; i < kRows; ++i) {
    UsageRow row = Row(static_cast<std::uint8_t>(random() % 200),
                       static_cast<std::int64_t>(random() % 5) * kDayUs);
    row.owner.api_key_id = Id(static_cast<std::uint8_t>(random() % 60));
    rollup.Add(row);
  }
  const std::vector<DailyDelta> days = rollup.Take();
  EXPECT_GT(days.size(), 30'000U);
  EXPECT_TRUE(std::ranges::is_sorted(days, {}, &DailyDelta::key));
  EXPECT_EQ(std::ranges::adjacent_find(days, {}, &DailyDelta::key), days.end());
  std::int64_t requests = 0;
  for (const DailyDelta& day : days) requests += day.totals.totals.requests;
  EXPECT_EQ(requests, kRows);
}

}  // namespace
}  // namespace usage_ingest::aggregate
