// Partitions: made for any month, by anyone who may, beside readers and writers; retired as asked.
#include <thread>

#include "tests/integration/postgres/partitions_fixture.h"
#include "tests/support/wait.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::chrono_literals;
using Outcome = admin::RetainedPartition::Outcome;

class PartitionsTest : public PartitionsFixture {};

TEST_F(PartitionsTest, AnyMonthOfTheLastTenYearsIsMadeOnce) {
  EXPECT_EQ(Ensure("2017-02-28"), "created");
  EXPECT_EQ(Ensure("2017-02-01"), "exists");
  EXPECT_EQ(Bounds("2017"),
            std::vector<std::string>{"public.usage_logs_2017_02\t2017-02-01 00:00:00+00\t"
                                     "2017-03-01 00:00:00+00\t"});
  Log("2017-02-28 23:59:59.999999+00");
  EXPECT_EQ(SqlstateOf(*database_, "SELECT usage_ingest.ensure_partition('infinity')"), "22023");
  EXPECT_EQ(SqlstateOf(*database_, "SELECT usage_ingest.ensure_partition(NULL)"), "22023");
}

TEST_F(PartitionsTest, PartitionHasEverythingThatItsParentHas) {
  Ensure("2017-02-01");
  const std::string of = " WHERE indrelid = 'public.usage_logs";
  EXPECT_EQ(database_->Number("SELECT count(*) FROM pg_index" + of + "_2017_02'::regclass"),
            database_->Number("SELECT count(*) FROM pg_index" + of + "'::regclass"));
  EXPECT_EQ(
      database_->Number("SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND conrelid = "
                        "'usage_logs_2017_02'::regclass AND conparentid <> 0"),
      3);
  EXPECT_EQ(database_->Number("SELECT count(*) FROM pg_trigger WHERE tgrelid = "
                              "'usage_logs_2017_02'::regclass AND tgname = 'update_usage_on_log'"),
            1);
}

// As with PARTITION OF. Else a new month fills the disk that an operator moved usage_logs from.
TEST_F(PartitionsTest, PartitionIsInTheTablespaceOfItsParent) {
  database_->Execute("SET allow_in_place_tablespaces = on");
  database_->Execute("CREATE TABLESPACE \"Large disk\" LOCATION ''");
  database_->Execute("ALTER TABLE usage_logs SET TABLESPACE \"Large disk\"");
  EXPECT_EQ(Ensure("2017-02-01"), "created");
  const std::string tablespace =
      "SELECT spcname FROM pg_class JOIN pg_tablespace AS s ON s.oid = reltablespace WHERE "
      "relname ";
  EXPECT_EQ(database_->Value(tablespace + "= 'usage_logs_2017_02'"), "Large disk");
  database_->Execute("ALTER TABLE usage_logs SET TABLESPACE pg_default");
  EXPECT_EQ(Ensure("2017-03-01"), "created");
  EXPECT_TRUE(database_->Lines(tablespace + "= 'usage_logs_2017_03'").empty());
}

TEST_F(PartitionsTest, MonthsAreOfUtcWhateverTheSessionSays) {
  database_->Execute("SET TimeZone = 'America/New_York'; SET DateStyle = 'SQL, DMY'");
  EXPECT_EQ(Ensure("2017-02-01"), "created");
  EXPECT_EQ(Ensure("2017-02-01"), "exists");
  database_->Execute("SET TimeZone = 'UTC'; RESET DateStyle");
  EXPECT_EQ(Bounds("2017").front(),
            "public.usage_logs_2017_02\t2017-02-01 00:00:00+00\t2017-03-01 00:00:00+00\t");
}

TEST_F(PartitionsTest, MonthPartlyCoveredGetsOneForTheRest) {
  database_->Execute(
      "SET TimeZone = 'America/New_York'; CREATE TABLE usage_logs_2017_02 PARTITION "
      "OF usage_logs FOR VALUES FROM ('2017-02-01') TO ('2017-03-01'); SET TimeZone "
      "= 'UTC'");
  EXPECT_EQ(Ensure("2017-02-01"), "created");
  EXPECT_EQ(Ensure("2017-03-01"), "created");
  EXPECT_EQ(Bounds("2017"),
            (std::vector<std::string>{
                "public.usage_logs_2017_02\t2017-02-01 05:00:00+00\t2017-03-01 05:00:00+00\t",
                "public.usage_logs_2017_02_2\t2017-02-01 00:00:00+00\t2017-02-01 05:00:00+00\t",
                "public.usage_logs_2017_03\t2017-03-01 05:00:00+00\t2017-04-01 00:00:00+00\t"}));
  EXPECT_EQ(Ensure("2017-02-01"), "exists");
}

TEST_F(PartitionsTest, TableThatRetentionKeptDoesNotStandInTheWay) {
  Ensure("2017-02-01");
  Log("2017-02-03");
  database_->Execute("ALTER TABLE usage_logs DETACH PARTITION usage_logs_2017_02");
  EXPECT_EQ(Ensure("2017-02-01"), "created");
  Log("2017-02-03");
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_logs_2017_02"), 1);
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_logs"), 1);
}

TEST_F(PartitionsTest, OrdinaryRoleMakesPartitionsThatBelongToTheOwner) {
  CreateRole("litemaas");
  database_->Execute("ALTER TABLE usage_logs OWNER TO litemaas");
  CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
  Database ingest(postgres_.conninfo("litemaas", "ingest"));
  EXPECT_EQ(ingest.Value("SELECT usage_ingest.ensure_partition('2017-02-01')"), "created");
  EXPECT_EQ(database_->Value("SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = "
                             "'usage_logs_2017_02'"),
            "litemaas");
  EXPECT_EQ(SqlstateOf(ingest, "SELECT usage_ingest.attach_partition('2016-01-01', '2016-02-01')"),
            "42501");
}

TEST_F(PartitionsTest, ManyMakersAtOnceMakeOneEach) {
  std::vector<std::string> failures(4);
  {
    std::vector<std::jthread> makers;
    for (std::string& failure : failures) {
      makers.emplace_back([&failure, this] {
        blocking::SyncConnection connection = Open("litemaas");
        auto done = admin::EnsurePartitions(connection, {.plan = {.months_ahead = 11}});
        if (!done) failure = done.error().context;
      });
    }
  }
  EXPECT_EQ(failures, std::vector<std::string>(4));
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.partitions_of_usage_logs() WHERE "
                              "to_time > now()"),
            12);
}

TEST_F(PartitionsTest, RunwayEndsAtTheFirstGap) {
  blocking::SyncConnection connection = Open("litemaas");
  const auto list = admin::ListPartitions(connection);
  ASSERT_TRUE(list);
  const auto at = [](std::int64_t seconds) { return EventTimeUs{seconds * 1'000'000}; };
  const std::vector<admin::PartitionInfo> partitions = {
      {.name = "a", .from = std::nullopt, .to = at(100)},
      {.name = "b", .from = at(100), .to = at(200)},
      {.name = "c", .from = at(300), .to = at(400)}};
  EXPECT_EQ(admin::PartitionRunway(partitions, at(50)), 150s);
  EXPECT_EQ(admin::PartitionRunway(partitions, at(250)), 0s);
  EXPECT_EQ(admin::PartitionRunway(partitions, at(399)), 1s);
  // The real ones: the current month and three more.
  const auto now = database_->Number("SELECT (extract(epoch FROM now()) * 1000000)::bigint");
  EXPECT_GT(admin::PartitionRunway(*list, EventTimeUs{now}), std::chrono::days(3 * 28));
}

TEST_F(PartitionsTest, RetainDropsWhatIsOlderAndNothingElse) {
  MakeMonths(24);
  const auto before = database_->Number(
      "SELECT count(*) FROM "
      "usage_ingest.partitions_of_usage_logs()");
  for (const admin::RetainedPartition& one :
       Retain({.plan = {.retention_months = 6}, .dry_run = true})) {
    EXPECT_EQ(one.outcome, Outcome::kWouldGo);
  }
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.partitions_of_usage_logs()"),
            before);
  EXPECT_TRUE(Retain({.plan = {.retention_months = 0}}).empty());
  for (const admin::RetainedPartition& one : Retain({.plan = {.retention_months = 6}})) {
    EXPECT_EQ(one.outcome, Outcome::kDropped);
  }
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.partitions_of_usage_logs() WHERE "
                              "to_time <= now()"),
            6);
  EXPECT_EQ(
      database_->Number("SELECT count(*) FROM pg_class WHERE relname LIKE 'usage\\_logs\\_20%' "
                        "AND relkind = 'r'"),
      6 + 4);
}

TEST_F(PartitionsTest, RetainCanKeepTheTables) {
  MakeMonths(24);
  const auto retained = Retain({.plan = {.retention_months = 23}, .keep_tables = true});
  ASSERT_FALSE(retained.empty());
  for (const admin::RetainedPartition& one : retained) {
    EXPECT_EQ(one.outcome, Outcome::kDetached);
    EXPECT_EQ(database_->Number("SELECT count(*) FROM " + one.name), 0);
  }
  EXPECT_TRUE(Retain({.plan = {.retention_months = 23}}).empty());  // kept means kept
}

// A reader keeps the second half of DETACH CONCURRENTLY waiting: the partition is pending then, and
// no other can be detached before it is finalized.
TEST_F(PartitionsTest, PendingDetachIsFinalizedFirst) {
  MakeMonths(24);
  Database reader = postgres_.Connect("litemaas");
  reader.Execute("BEGIN; SELECT count(*) FROM usage_logs");
  blocking::SyncConnection connection = Open("litemaas");
  const auto blocked = admin::RetainPartitions(
      connection, {.plan = {.retention_months = 6}, .lock_wait_max = 0s}, {});
  ASSERT_FALSE(blocked);
  EXPECT_EQ(blocked.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(database_->Number("SELECT count(*) FROM pg_inherits WHERE inhdetachpending"), 1);
  reader.Execute("ROLLBACK");
  Retain({.plan = {.retention_months = 6}});
  EXPECT_EQ(database_->Number("SELECT count(*) FROM pg_inherits WHERE inhdetachpending"), 0);
  EXPECT_EQ(
      database_->Number("SELECT count(*) FROM pg_class WHERE relname LIKE 'usage\\_logs\\_20%' "
                        "AND relkind = 'r'"),
      6 + 4);
}

// A late event of a month whose detaching was interrupted: its rows must go somewhere.
TEST_F(PartitionsTest, MonthOfAPendingDetachIsMadeAgain) {
  Ensure("2017-02-01");
  Log("2017-02-03");
  Database reader = postgres_.Connect("litemaas");
  reader.Execute("BEGIN; SELECT count(*) FROM usage_logs");
  database_->Execute("SET lock_timeout = '50ms'");
  EXPECT_EQ(SqlstateOf(*database_,
                       "ALTER TABLE usage_logs DETACH PARTITION usage_logs_2017_02 CONCURRENTLY"),
            "55P03");
  reader.Execute("ROLLBACK");
  EXPECT_EQ(SqlstateOf(*database_,
                       "INSERT INTO usage_logs (subscription_id, model_id, "
                       "request_tokens, response_tokens, created_at) SELECT id, "
                       "model_id, 1, 1, '2017-02-04' FROM subscriptions"),
            "23514");
  EXPECT_EQ(Ensure("2017-02-01"), "created");
  Log("2017-02-04");
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_logs"), 1);
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_logs_2017_02"), 1);
}

TEST_F(PartitionsTest, DefaultPartitionIsInTheWayAndNamedWithItsFix) {
  MakeMonths(24);
  database_->Execute("CREATE TABLE rest PARTITION OF usage_logs DEFAULT");
  Log("2017-02-03");  // into the DEFAULT one: then its month cannot be made
  EXPECT_EQ(Ensure("2017-02-01"), "default");
  EXPECT_EQ(Ensure("2017-03-01"), "created");
  blocking::SyncConnection connection = Open("litemaas");
  const auto retained = admin::RetainPartitions(connection, {.plan = {.retention_months = 6}}, {});
  ASSERT_FALSE(retained);
  EXPECT_EQ(retained.error().code, ErrorCode::kFatal);
  EXPECT_TRUE(Holds(retained.error().context, "DETACH PARTITION public.rest"))
      << retained.error().context;
  // As it says.
  database_->Execute("ALTER TABLE public.usage_logs DETACH PARTITION public.rest");
  EXPECT_EQ(Ensure("2017-02-01"), "created");
  database_->Execute(
      "INSERT INTO usage_logs (id, subscription_id, model_id, request_tokens, response_tokens, "
      "created_at) SELECT id, subscription_id, model_id, request_tokens, response_tokens, "
      "created_at FROM rest");
  EXPECT_FALSE(Retain({.plan = {.retention_months = 6}}).empty());
}

TEST_F(PartitionsTest, RetainDropsWhatAnInterruptedOneDetached) {
  Ensure("2017-02-01");
  RecordRetired("usage_logs_2017_02", "now()");
  database_->Execute("ALTER TABLE usage_logs DETACH PARTITION usage_logs_2017_02");
  Retain({.plan = {.retention_months = 6}});
  EXPECT_EQ(database_->Value("SELECT to_regclass('usage_logs_2017_02') IS NULL"), "t");
}

// A retain that was interrupted before it detached: the rest was done by hand, to keep the table.
TEST_F(PartitionsTest, RetainLeavesATableThatAnotherHandDetached) {
  Ensure("2017-02-01");
  RecordRetired("usage_logs_2017_02", "NULL");
  database_->Execute("ALTER TABLE usage_logs DETACH PARTITION usage_logs_2017_02");
  Retain({.plan = {.retention_months = 6}});
  EXPECT_EQ(database_->Value("SELECT to_regclass('usage_logs_2017_02') IS NULL"), "f");
}

// The summaries of a retired month are all that is left of it, whatever comes late.
TEST_F(PartitionsTest, NothingRebuildsARetiredMonth) {
  MakeMonths(24);
  Ensure("2017-02-01");
  Log("2017-02-03");
  Log("2017-02-04");
  const auto of_month = [&] {
    return database_->Lines(
        "SELECT period_type, request_count FROM usage_summaries WHERE period_start < '2017-03-01' "
        "ORDER BY 1, 2");
  };
  const auto before = of_month();
  ASSERT_FALSE(before.empty());
  Retain({.plan = {.retention_months = 6}});
  Ensure("2017-02-01");  // as a late event does
  blocking::SyncConnection connection = Open("litemaas");
  const auto verified = admin::VerifySummaries(connection, {});
  ASSERT_TRUE(verified) << verified.error().context;
  EXPECT_EQ(verified->rows_different, 0);
  ASSERT_TRUE(admin::RebuildSummaries(connection, {}));
  EXPECT_EQ(of_month(), before);
}

TEST_F(PartitionsTest, RetainAndRebuildExcludeEachOther) {
  MakeMonths(24);
  const std::string lock = "(7305801562440212770)";
  database_->Execute("SELECT pg_advisory_lock" + lock);
  blocking::SyncConnection connection = Open("litemaas");
  const auto retained = admin::RetainPartitions(connection, {.plan = {.retention_months = 6}}, {});
  ASSERT_FALSE(retained);
  EXPECT_EQ(retained.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(Holds(retained.error().context, "summaries rebuild")) << retained.error().context;
  EXPECT_FALSE(admin::RebuildSummaries(connection, {}));
  database_->Execute("SELECT pg_advisory_unlock" + lock);
  EXPECT_FALSE(Retain({.plan = {.retention_months = 6}}).empty());
  EXPECT_TRUE(admin::RebuildSummaries(connection, {}));
}

}  // namespace
}  // namespace usage_ingest::postgres
