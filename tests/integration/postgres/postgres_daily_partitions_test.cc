// Partitions by day: made as migrate says, beside months, and retired by day.
#include "tests/integration/postgres/partitions_fixture.h"

namespace usage_ingest::postgres {
namespace {

class DailyPartitionsTest : public PartitionsFixture {
 protected:
  void MakeBy(batch::PartitionUnit unit) {
    blocking::SyncConnection connection = Open("litemaas");
    ASSERT_TRUE(admin::SetPartitionUnit(connection, unit));
  }
};

TEST_F(DailyPartitionsTest, DaysAreMadeOnce) {
  MakeBy(batch::PartitionUnit::kDay);
  EXPECT_EQ(Ensure("2017-02-28"), "created");
  EXPECT_EQ(Ensure("2017-02-28"), "exists");
  EXPECT_EQ(Ensure("2017-02-27"), "created");
  EXPECT_EQ(Bounds("2017"),
            (std::vector<std::string>{
                "public.usage_logs_2017_02_27\t2017-02-27 00:00:00+00\t2017-02-28 00:00:00+00\t",
                "public.usage_logs_2017_02_28\t2017-02-28 00:00:00+00\t"
                "2017-03-01 00:00:00+00\t"}));
  Log("2017-02-28 23:59:59.999999+00");
  EXPECT_ANY_THROW(Log("2017-02-26 12:00:00+00"));
}

// In the middle of a month, and back in the middle of another one.
TEST_F(DailyPartitionsTest, MonthsThatAreThereStayWhenTheUnitChanges) {
  Ensure("2017-02-01");
  MakeBy(batch::PartitionUnit::kDay);
  EXPECT_EQ(Ensure("2017-02-10"), "exists");
  EXPECT_EQ(Ensure("2017-03-01"), "created");
  EXPECT_EQ(Ensure("2017-03-03"), "created");
  MakeBy(batch::PartitionUnit::kMonth);
  EXPECT_EQ(Ensure("2017-03-31"), "created");
  EXPECT_EQ(Ensure("2017-03-02"), "exists");
  EXPECT_EQ(Bounds("2017"),
            (std::vector<std::string>{
                "public.usage_logs_2017_02\t2017-02-01 00:00:00+00\t2017-03-01 00:00:00+00\t",
                "public.usage_logs_2017_03\t2017-03-04 00:00:00+00\t2017-04-01 00:00:00+00\t",
                "public.usage_logs_2017_03_01\t2017-03-01 00:00:00+00\t2017-03-02 00:00:00+00\t",
                "public.usage_logs_2017_03_02\t2017-03-02 00:00:00+00\t2017-03-03 00:00:00+00\t",
                "public.usage_logs_2017_03_03\t2017-03-03 00:00:00+00\t2017-03-04 00:00:00+00\t"}));
}

TEST_F(DailyPartitionsTest, AsManyDaysAreMadeAheadAsAsked) {
  database_->Execute(
      "DO $$ DECLARE p text; BEGIN FOR p IN SELECT name FROM "
      "usage_ingest.partitions_of_usage_logs() LOOP EXECUTE 'DROP TABLE ' || p; END "
      "LOOP; END $$");
  MakeBy(batch::PartitionUnit::kDay);
  blocking::SyncConnection connection = Open("litemaas");
  const auto ensured = admin::EnsurePartitions(connection, {.plan = {.days_ahead = 40}});
  ASSERT_TRUE(ensured) << ensured.error().context;
  EXPECT_EQ(ensured->size(), 41U);
  const auto list = admin::ListPartitions(connection);
  ASSERT_TRUE(list);
  EXPECT_EQ(list->size(), 41U);
  const auto now = database_->Number("SELECT (extract(epoch FROM now()) * 1000000)::bigint");
  EXPECT_GT(admin::PartitionRunway(*list, EventTimeUs{now}), std::chrono::days(40));
}

TEST_F(DailyPartitionsTest, RetainDropsDays) {
  MakeMonths(6);
  MakeBy(batch::PartitionUnit::kDay);
  database_->Execute("ALTER TABLE usage_logs DETACH PARTITION " +
                     database_->Value("SELECT name FROM usage_ingest.partitions_of_usage_logs() "
                                      "WHERE from_time < now() - interval '45 days' AND to_time "
                                      ">= now() - interval '45 days'"));
  const std::string days =
      "SELECT usage_ingest.ensure_partition(((now() AT TIME ZONE 'UTC') - d * interval '1 "
      "day')::date) FROM generate_series(1, 100) AS d";
  database_->Execute(days);
  const auto count = [&](const std::string& condition) {
    return database_->Number("SELECT count(*) FROM usage_ingest.partitions_of_usage_logs() WHERE " +
                             condition);
  };
  ASSERT_GT(count("name LIKE '%\\_20__\\___\\___'"), 27);
  EXPECT_FALSE(Retain({.plan = {.retention_days = 42}}).empty());
  EXPECT_EQ(count("to_time <= date_trunc('day', now(), 'UTC') - interval '42 days'"), 0);
  // What has a part that is kept stays as a whole.
  EXPECT_EQ(count("from_time <= date_trunc('day', now(), 'UTC') - interval '42 days' AND to_time > "
                  "date_trunc('day', now(), 'UTC') - interval '42 days'"),
            1);
}

// The month of a day that was dropped is not compared: its rows are gone.
TEST_F(DailyPartitionsTest, NothingRebuildsTheMonthOfARetiredDay) {
  MakeBy(batch::PartitionUnit::kDay);
  for (const char* day : {"2017-02-03", "2017-02-04"}) {
    Ensure(day);
    Log(day);
  }
  RecordRetired("usage_logs_2017_02_03", "now()");
  database_->Execute("ALTER TABLE usage_logs DETACH PARTITION usage_logs_2017_02_03");
  const auto sums = [&] {
    return database_->Lines(
        "SELECT period_type, period_start, request_count FROM usage_summaries WHERE period_start < "
        "'2017-03-01' ORDER BY 1, 2");
  };
  const auto before = sums();
  blocking::SyncConnection connection = Open("litemaas");
  ASSERT_TRUE(admin::RebuildSummaries(connection, {}));
  EXPECT_EQ(sums(), before);
  // The other day is.
  database_->Execute(
      "UPDATE usage_summaries SET request_count = 7 WHERE period_type = 'day' AND "
      "period_start = '2017-02-04'");
  ASSERT_TRUE(admin::RebuildSummaries(connection, {}));
  EXPECT_EQ(sums(), before);
}

}  // namespace
}  // namespace usage_ingest::postgres
