// What a person must look at although the daemon writes: rows that disappeared, and events that
// were set aside. The statements of the housekeeper on a real PostgreSQL.
#include <boost/asio/io_context.hpp>

#include "ingest/postgres/background/attention.h"
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/integration/postgres/run_task.h"

namespace usage_ingest::postgres {
namespace {

class RememberingSink final : public pipeline::TelemetrySink {
 public:
  void On(const pipeline::TelemetryEvent& event) override {
    if (const auto* missing = std::get_if<pipeline::RowsMissing>(&event)) {
      samples = missing->samples;
      what = missing->what;
    }
    if (const auto* counted = std::get_if<pipeline::SetAsideCounted>(&event)) {
      groups.clear();
      for (const pipeline::SetAsideEvents& group : counted->groups) {
        groups.push_back(std::to_string(group.events) + " " + std::string(Name(group.reason)) +
                         " " + std::string(group.detail));
      }
    }
  }
  std::int64_t samples = -1;
  std::string what;
  std::vector<std::string> groups;
};

class AttentionTest : public PostgresTest {
 protected:
  AttentionTest() : database_(CreateMigrated("litemaas")) {
    Populate(database_, 3);
    CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
    connection_ = std::make_unique<session::AsyncConnection>(
        io_.get_executor(), postgres_.conninfo("litemaas", "ingest"), "usage-ingestd/test");
    EXPECT_TRUE(RunTask(io_, connection_->Connect()));
    database_.Execute(
        "SELECT usage_ingest.ensure_partition('2025-01-01');"
        "INSERT INTO usage_logs (id, subscription_id, model_id, request_tokens, response_tokens, "
        "created_at) SELECT id, id, model_id, 1, 1, '2025-01-05 12:00:00Z' FROM subscriptions "
        "UNION ALL SELECT gen_random_uuid(), id, model_id, 1, 1, now() FROM subscriptions;"
        "INSERT INTO usage_ingest.row_samples (row_id, created_at, subscription_id, sampled_at) "
        "SELECT id, created_at, subscription_id, now() - row_number() OVER () * interval '1 s' "
        "FROM usage_logs");
    EXPECT_EQ(Missing(), 0);
    EXPECT_EQ(samples_before_, 12);
  }

  std::int64_t Missing() {
    samples_before_ = database_.Number("SELECT count(*) FROM usage_ingest.row_samples");
    const Result<> reported = RunTask(io_, background::ReportMissingRows(*connection_, sink_));
    EXPECT_TRUE(reported) << reported.error().context;
    return sink_.samples;
  }
  // Everything that refers to users, as LiteMaaS' backup has it.
  void BackUpSubscriptions() {
    database_.Execute(
        "CREATE SCHEMA backup; CREATE TABLE backup.users AS TABLE users; CREATE TABLE "
        "backup.subscriptions AS TABLE subscriptions; CREATE TABLE backup.usage_logs AS TABLE "
        "usage_logs; ALTER TABLE backup.usage_logs DROP COLUMN total_tokens, DROP COLUMN "
        "total_cost");
  }
  void RestoreSubscriptions() {
    database_.Execute(
        "INSERT INTO users SELECT * FROM backup.users; INSERT INTO subscriptions SELECT * FROM "
        "backup.subscriptions");
  }
  void RestoreRows() {
    const std::string columns = database_.Value(
        "SELECT string_agg(attname, ', ') FROM pg_attribute WHERE attrelid = "
        "'backup.usage_logs'::regclass AND attnum > 0 AND NOT attisdropped");
    database_.Execute("INSERT INTO usage_logs (" + columns + ") SELECT " + columns +
                      " FROM backup.usage_logs");
  }

  Database database_;
  boost::asio::io_context io_;
  std::unique_ptr<session::AsyncConnection> connection_;
  RememberingSink sink_;
  std::int64_t samples_before_ = 0;
};

TEST_F(AttentionTest, ATruncateIsNoticedAndEndsWhenTheRowsAreBack) {
  BackUpSubscriptions();
  database_.Execute("TRUNCATE users CASCADE");
  EXPECT_EQ(Missing(), 12) << "no trigger deleted the subscriptions";
  EXPECT_TRUE(Holds(sink_.what, "12 of 12 sampled rows, of 2025-01-05 12:00:00 to ")) << sink_.what;
  RestoreSubscriptions();
  EXPECT_EQ(Missing(), 12);
  RestoreRows();
  EXPECT_EQ(Missing(), 0);
}

TEST_F(AttentionTest, AnOlderDumpIsNoticed) {
  BackUpSubscriptions();
  database_.Execute(
      "INSERT INTO usage_logs (id, subscription_id, model_id, request_tokens, response_tokens) "
      "SELECT 'ffffffff-0000-4000-8000-000000000001', id, model_id, 1, 1 FROM subscriptions LIMIT "
      "1; INSERT INTO usage_ingest.row_samples (row_id, created_at, subscription_id) SELECT id, "
      "created_at, subscription_id FROM usage_logs WHERE id = "
      "'ffffffff-0000-4000-8000-000000000001'");
  EXPECT_EQ(Missing(), 0);
  database_.Execute("TRUNCATE users CASCADE");
  RestoreSubscriptions();
  RestoreRows();
  EXPECT_EQ(Missing(), 1);
}

TEST_F(AttentionTest, AUserThatIsDeletedTakesItsRowsAlong) {
  BackUpSubscriptions();
  database_.Execute("DELETE FROM users WHERE id = (SELECT user_id FROM subscriptions LIMIT 1)");
  ASSERT_EQ(database_.Number("SELECT count(*) FROM usage_logs"), 8);
  EXPECT_EQ(Missing(), 0);
  database_.Execute("DELETE FROM users");
  EXPECT_EQ(Missing(), 0);
  // A restore that begins with DELETE: the subscriptions are there again, their rows are not.
  RestoreSubscriptions();
  EXPECT_EQ(Missing(), 12);
}

TEST_F(AttentionTest, RowsThatAPersonDeletedAreReportedUntilTheirSamplesAreDeleted) {
  database_.Execute("DELETE FROM usage_logs WHERE created_at < '2026-01-01'");
  EXPECT_EQ(Missing(), 6);
  EXPECT_EQ(Missing(), 6);
  Database daemon = Database(postgres_.conninfo("litemaas", "ingest"));
  daemon.Execute("DELETE FROM usage_ingest.row_samples WHERE missing_since IS NOT NULL");
  EXPECT_EQ(Missing(), 0);
}

TEST_F(AttentionTest, AMonthThatRetainRemovedIsNotMissing) {
  blocking::SyncConnection connection = Open("litemaas");
  const auto retained = admin::RetainPartitions(connection, {.plan = {.retention_months = 3}}, {});
  ASSERT_TRUE(retained) << retained.error().context;
  ASSERT_EQ(database_.Number("SELECT count(*) FROM usage_logs"), 6);
  EXPECT_EQ(Missing(), 0);
  EXPECT_EQ(Missing(), 0);
  EXPECT_EQ(samples_before_, 6);
}

TEST_F(AttentionTest, APartitionThatIsDroppedByHandIsMissing) {
  database_.Execute("DROP TABLE usage_logs_2025_01");
  EXPECT_EQ(Missing(), 6);
}

TEST_F(AttentionTest, OneSampleOfEachSecondAndEachDayIsKept) {
  database_.Execute(
      "DELETE FROM usage_ingest.row_samples;"
      "INSERT INTO usage_logs (id, subscription_id, model_id, request_tokens, response_tokens, "
      "created_at) SELECT lpad(n::text, 32, '0')::uuid, s.id, s.model_id, 1, 1, "
      "date_trunc('month', "
      "now()) FROM generate_series(1, 3000) AS n, (SELECT * FROM subscriptions LIMIT 1) AS s;"
      "INSERT INTO usage_ingest.row_samples (row_id, created_at, subscription_id, sampled_at) "
      "SELECT lpad(n::text, 32, '0')::uuid, date_trunc('month', now()), s.id, CASE WHEN n <= 1000 "
      "THEN date_trunc('second', now()) - n % 100 * interval '1 s' ELSE date_trunc('day', now()) - "
      "interval '1 s' - n % 10 * interval '1 day' END "
      "FROM generate_series(1, 3000) AS n, (SELECT * FROM subscriptions LIMIT 1) AS s");
  EXPECT_EQ(Missing(), 0);
  EXPECT_EQ(database_.Number("SELECT count(*) FROM usage_ingest.row_samples"), 110);
}

TEST_F(AttentionTest, EventsThatWereSetAsideAreToldByCause) {
  database_.Execute(
      "INSERT INTO usage_ingest.dead_letters (group_id, topic, partition, record_offset, reason, "
      "detail, state) SELECT 'g', 't', 0, n, CASE WHEN n < 4 THEN 'subscription_rejected' WHEN n < "
      "6 THEN 'month_rejected' ELSE 'unattributed' END, CASE WHEN n < 3 THEN 'subscription a' ELSE "
      "'elsewhere' END, CASE n WHEN 5 THEN 'resolved' ELSE 'pending' END "
      "FROM generate_series(0, 9) AS n");
  const Result<> reported = RunTask(io_, background::ReportSetAside(*connection_, sink_));
  ASSERT_TRUE(reported) << reported.error().context;
  EXPECT_EQ(sink_.groups, (std::vector<std::string>{"3 subscription_rejected subscription a",
                                                    "1 month_rejected elsewhere",
                                                    "1 subscription_rejected elsewhere"}));
}

}  // namespace
}  // namespace usage_ingest::postgres
