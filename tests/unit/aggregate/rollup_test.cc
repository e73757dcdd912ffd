#include "aggregate/rollup.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "aggregate/summary_columns.h"

namespace usage_ingest::aggregate {
namespace {

constexpr std::int64_t kHourUs = 3'600'000'000;
// 2026-11-22 18:00:00 UTC
constexpr std::int64_t kNowUs = 1'795'370'400'000'000;

Uuid Subscription(std::uint8_t number) {
  Uuid id;
  id.bytes[15] = number;
  return id;
}

UsageRow Row(std::uint8_t subscription, std::int64_t time_us, std::optional<std::int32_t> latency) {
  UsageRow row;
  row.owner.subscription_id = Subscription(subscription);
  row.event.model_id = "gpt-4o";
  row.event.created_at = EventTimeUs{time_us};
  row.event.request_tokens = 10;
  row.event.response_tokens = 5;
  row.event.input_cost = MicroCost{7};
  row.event.latency_ms = latency;
  return row;
}

TEST(RollupTest, AddsEachGroupOncePerPeriod) {
  Rollup rollup;
  rollup.Add(Row(1, kNowUs, 100));
  rollup.Add(Row(1, kNowUs + 1, std::nullopt));
  rollup.Add(Row(1, kNowUs + kHourUs, 50));
  const Deltas deltas = rollup.Take();

  ASSERT_EQ(deltas.summaries.size(), 4u);  // one day, two hours, one month
  EXPECT_EQ(deltas.summaries[0].period_type, PeriodType::kDay);
  EXPECT_EQ(deltas.summaries[0].totals.requests, 3);
  EXPECT_EQ(deltas.summaries[0].totals.latency_ms_sum, 150);
  EXPECT_EQ(deltas.summaries[0].totals.latency_count, 2);
  EXPECT_EQ(deltas.summaries[1].period_type, PeriodType::kHour);
  EXPECT_EQ(deltas.summaries[1].totals.requests, 2);
  EXPECT_EQ(deltas.summaries[2].totals.requests, 1);
  EXPECT_EQ(deltas.summaries[3].period_type, PeriodType::kMonth);
  EXPECT_EQ(deltas.summaries[3].totals.cost, MicroCost{21});
  ASSERT_EQ(deltas.quotas.size(), 1u);
  EXPECT_EQ(deltas.quotas[0].requests, 3);
  EXPECT_EQ(deltas.quotas[0].tokens, 45);
  EXPECT_EQ(deltas.quotas[0].cost, MicroCost{21});
}

TEST(RollupTest, ARowThatNoQuotaCountsIsInTheSummariesOnly) {
  Rollup rollup;
  rollup.Add(Row(1, kNowUs, 1), QuotaUse::kNotCounted);
  rollup.Add(Row(1, kNowUs, 1));
  rollup.Add(Row(2, kNowUs, 1), QuotaUse::kNotCounted);
  const Deltas deltas = rollup.Take();
  EXPECT_EQ(deltas.summaries[0].totals.requests, 2);
  ASSERT_EQ(deltas.quotas.size(), 1u);
  EXPECT_EQ(deltas.quotas[0].subscription_id, Subscription(1));
  EXPECT_EQ(deltas.quotas[0].requests, 1);
  EXPECT_EQ(deltas.quotas[0].tokens, 15);
  EXPECT_EQ(deltas.quotas[0].cost, MicroCost{7});
}

// A guardrail's cost, for example.
TEST(RollupTest, ARowOfCostAloneIsSpent) {
  UsageRow row = Row(1, kNowUs, std::nullopt);
  row.event.is_request = false;
  row.event.request_tokens = row.event.response_tokens = 0;
  Rollup rollup;
  rollup.Add(row);
  const Deltas deltas = rollup.Take();
  ASSERT_EQ(deltas.quotas.size(), 1u);
  EXPECT_EQ(deltas.quotas[0].requests, 0);
  EXPECT_EQ(deltas.quotas[0].cost, MicroCost{7});
}

TEST(RollupTest, TakeStartsAgainFromZero) {
  Rollup rollup;
  rollup.Add(Row(1, kNowUs, 1));
  static_cast<void>(rollup.Take());  // ignored because only the second one is asked about
  EXPECT_TRUE(rollup.Take().summaries.empty());
}

// A billed attempt of a request, for example: docs/events.md, "What counts as a request".
TEST(RollupTest, ARowThatIsNoRequestAddsTokensAndCostOnly) {
  Rollup rollup;
  UsageRow row = Row(1, kNowUs, 100);
  rollup.Add(row);
  row.event.is_request = false;
  row.event.status_code = 408;
  rollup.Add(row);
  const Deltas deltas = rollup.Take();
  const Totals& totals = deltas.summaries[0].totals;
  EXPECT_EQ(totals.requests, 1);
  EXPECT_EQ(totals.errors, 0);
  EXPECT_EQ(totals.latency_count, 1);
  EXPECT_EQ(totals.latency_ms_sum, 100);
  EXPECT_EQ(totals.request_tokens, 20);
  EXPECT_EQ(totals.cost, MicroCost{14});
  EXPECT_EQ(deltas.quotas[0].requests, 1);
  EXPECT_EQ(deltas.quotas[0].tokens, 30);
}

TEST(RollupTest, CountsAStatusOf400AsAnErrorAnd399AsNone) {
  Rollup rollup;
  UsageRow row = Row(1, kNowUs, 1);
  row.event.status_code = 399;
  rollup.Add(row);
  row.event.status_code = 400;
  rollup.Add(row);
  EXPECT_EQ(rollup.Take().summaries[0].totals.errors, 1);
}

TEST(RollupTest, PeriodsAreUtcAlsoBeforeTheEpoch) {
  EXPECT_EQ(PeriodStart(PeriodType::kHour, EventTimeUs{-1}), EventTimeUs{-kHourUs});
  EXPECT_EQ(PeriodStart(PeriodType::kDay, EventTimeUs{-1}), EventTimeUs{-24 * kHourUs});
  EXPECT_EQ(PeriodStart(PeriodType::kMonth, EventTimeUs{kNowUs}),
            EventTimeUs{1'793'491'200'000'000});  // 2026-11-01
}

// Many groups, so that the index grows and the order of the output is put to the test.
TEST(RollupTest, SortsByKeyAndLosesNothing) {
  std::mt19937 random(7);
  Rollup rollup;
  constexpr int kRows = 60'000;
  for (int i = 0; i < kRows; ++i) {
    UsageRow row = Row(static_cast<std::uint8_t>(1 + random() % 250),
                       kNowUs + static_cast<std::int64_t>(random() % 100) * kHourUs, 3);
    row.owner.subscription_id.bytes[0] = static_cast<std::uint8_t>(random() % 3);
    row.event.model_id = random() % 2 == 0 ? "a" : "b";
    rollup.Add(row);
  }
  const Deltas deltas = rollup.Take();
  auto key = [](const SummaryDelta& d) {
    return std::tie(d.subscription_id, d.model_id, d.period_type, d.period_start);
  };
  EXPECT_TRUE(std::is_sorted(deltas.summaries.begin(), deltas.summaries.end(),
                             [&](const auto& a, const auto& b) { return key(a) < key(b); }));
  EXPECT_EQ(std::adjacent_find(deltas.summaries.begin(), deltas.summaries.end(),
                               [&](const auto& a, const auto& b) { return key(a) == key(b); }),
            deltas.summaries.end());
  std::int64_t hours = 0;
  std::int64_t months = 0;
  for (const SummaryDelta& delta : deltas.summaries) {
    if (delta.period_type == PeriodType::kHour) hours += delta.totals.requests;
    if (delta.period_type == PeriodType::kMonth) months += delta.totals.requests;
  }
  EXPECT_EQ(hours, kRows);
  EXPECT_EQ(months, kRows);
  EXPECT_TRUE(std::is_sorted(deltas.quotas.begin(), deltas.quotas.end(),
                             [](const QuotaDelta& a, const QuotaDelta& b) {
                               return a.subscription_id < b.subscription_id;
                             }));
}

// An event that every column counts, so that a column without a sum is seen.
TEST(SummaryColumnsTest, EachSumGrowsWithAnEventAndWithASum) {
  UsageRow row = Row(1, kNowUs, 100);
  row.event.status_code = 500;
  Totals one;
  one.Add(row.event);
  Totals three = one;
  three.Add(row.event);
  three.Add(one);
  for (const SummaryColumn& column : kSummaryColumns) {
    EXPECT_GT(column.sum(one), 0) << column.name;
    EXPECT_EQ(column.sum(three), 3 * column.sum(one)) << column.name;
  }
}

TEST(SummaryColumnsTest, NoNameIsThereTwice) {
  std::set<std::string_view> names(kSummaryKey.begin(), kSummaryKey.end());
  for (const SummaryColumn& column : kSummaryColumns) names.insert(column.name);
  EXPECT_EQ(names.size(), kSummaryKey.size() + kSummaryColumns.size());
}

}  // namespace
}  // namespace usage_ingest::aggregate
