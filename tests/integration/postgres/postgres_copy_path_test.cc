// Which COPY path a session uses, and that DDL while it runs changes the decision: each story is
// one of a trigger that was made, dropped or replaced by another program.
#include "ingest/postgres/batch/copy_path.h"
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/integration/postgres/row_writer.h"

namespace usage_ingest::postgres {
namespace {

// 2031-01-01 12:00:00 UTC
constexpr EventTimeUs kTime{1'925'035'200'000'000};

class CopyPathTest : public PostgresTest {
 protected:
  CopyPathTest() : database_(CreateMigrated("litemaas")) {
    Populate(database_, 1);
    // A month that is partitioned by days: its leaves are two levels below usage_logs.
    database_.Execute(
        "CREATE TABLE january PARTITION OF usage_logs FOR VALUES FROM ('2031-01-01') TO "
        "('2031-02-01') PARTITION BY RANGE (created_at);"
        "CREATE TABLE new_year PARTITION OF january FOR VALUES FROM ('2031-01-01') TO "
        "('2031-01-02');"
        "CREATE TABLE seen (id uuid);"
        "CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO "
        "public.seen VALUES (NEW.id); RETURN NEW; END $$");
  }
  RowWriter MakeWriter(batch::ForeignKeys foreign_keys) {
    return RowWriter(postgres_.conninfo("litemaas"), foreign_keys,
                     database_.Value("SELECT id FROM subscriptions WHERE model_id = 'model-a'"));
  }
  // A row by COPY, in a session of its own.
  void WriteRow(batch::ForeignKeys foreign_keys) {
    RowWriter writer = MakeWriter(foreign_keys);
    ASSERT_TRUE(writer.Connect());
    ASSERT_TRUE(writer.Copy(writer.Row(kTime)));
  }
  // What the daemon tells an operator to run.
  void RunFixOf(const Error& error) {
    EXPECT_EQ(error.code, ErrorCode::kUnavailable) << error.context;
    const std::size_t fix = error.context.find("fix: ");
    ASSERT_NE(fix, std::string::npos) << error.context;
    database_.Execute(error.context.substr(fix + 5));
  }
  void LoseTheGuard() {
    database_.Execute(
        "DROP TRIGGER update_usage_on_log ON usage_logs;"
        "CREATE TRIGGER update_usage_on_log AFTER INSERT ON usage_logs FOR EACH ROW EXECUTE "
        "FUNCTION update_usage_summary()");
  }
  std::int64_t Summaries() { return database_.Number("SELECT count(*) FROM usage_summaries"); }
  std::int64_t Seen() { return database_.Number("SELECT count(*) FROM seen"); }
  std::int64_t Rows() { return database_.Number("SELECT count(*) FROM usage_logs"); }

  Database database_;
};

TEST_F(CopyPathTest, ATriggerOnALeafSeesTheRowsFromTheNextBatchOn) {
  RowWriter writer = MakeWriter(batch::ForeignKeys::kAuto);
  ASSERT_TRUE(writer.Connect());
  ASSERT_TRUE(writer.Copy(writer.Row(kTime)));
  EXPECT_TRUE(Probe("litemaas").facts.copy_path->may_skip_constraints());

  database_.Execute(
      "CREATE TRIGGER see AFTER INSERT ON new_year FOR EACH ROW EXECUTE FUNCTION see()");
  ASSERT_TRUE(writer.Copy(writer.Row(kTime)));
  EXPECT_EQ(Seen(), 1);
  EXPECT_FALSE(Probe("litemaas").facts.copy_path->may_skip_constraints())
      << "one decision for both";

  database_.Execute("ALTER TABLE new_year DISABLE TRIGGER see");
  ASSERT_TRUE(writer.Copy(writer.Row(kTime)));
  database_.Execute("ALTER TABLE new_year ENABLE TRIGGER see");
  ASSERT_TRUE(writer.Copy(writer.Row(kTime)));
  EXPECT_EQ(Seen(), 2);

  database_.Execute("DROP TRIGGER see ON new_year");
  ASSERT_TRUE(writer.Copy(writer.Row(kTime)));
  EXPECT_EQ(Seen(), 2);
  EXPECT_TRUE(Probe("litemaas").facts.copy_path->may_skip_constraints());
  EXPECT_EQ(Rows(), 5);
}

TEST_F(CopyPathTest, ALeafThatBringsItsTriggerAlongIsNoticed) {
  RowWriter writer = MakeWriter(batch::ForeignKeys::kAuto);
  database_.Execute(
      "DROP TRIGGER update_usage_on_log ON usage_logs;"
      "CREATE TABLE second (LIKE new_year INCLUDING GENERATED);"
      "CREATE TRIGGER see AFTER INSERT ON second FOR EACH ROW EXECUTE FUNCTION see()");
  ASSERT_TRUE(writer.Connect());
  database_.Execute(
      "ALTER TABLE january ATTACH PARTITION second FOR VALUES FROM ('2031-01-02') TO "
      "('2031-01-03')");
  ASSERT_TRUE(writer.Copy(writer.Row(EventTimeUs{kTime.value + 86'400'000'000})));
  EXPECT_EQ(Seen(), 1);
}

// LiteMaaS makes the trigger again when it starts, without the WHEN that lets our rows pass.
TEST_F(CopyPathTest, ASummaryTriggerWithoutItsGuardHoldsTheBatchUntilItIsMended) {
  RowWriter writer = MakeWriter(batch::ForeignKeys::kConstraints);
  ASSERT_TRUE(writer.Connect());
  ASSERT_TRUE(writer.Copy(writer.Row(kTime)));
  LoseTheGuard();
  const UsageRow row = writer.Row(kTime);
  const Result<> held = writer.Copy(row);
  ASSERT_FALSE(held);
  EXPECT_EQ(Rows(), 1);
  EXPECT_EQ(Summaries(), 0);

  RunFixOf(held.error());
  EXPECT_TRUE(writer.Copy(row));
  EXPECT_EQ(Summaries(), 0) << "not by the trigger";
}

TEST_F(CopyPathTest, TheSkippedTriggerMayBeAsItLikes) {
  LoseTheGuard();
  WriteRow(batch::ForeignKeys::kBatch);
  EXPECT_EQ(Summaries(), 0);
}

// To skip foreign keys is to be a replica, for PostgreSQL: a trigger that is enabled always or for
// replicas fires there.
TEST_F(CopyPathTest, ASummaryTriggerThatAlwaysFiresIsNotSkipped) {
  LoseTheGuard();
  database_.Execute("ALTER TABLE usage_logs ENABLE ALWAYS TRIGGER update_usage_on_log");
  const Result<> held = MakeWriter(batch::ForeignKeys::kAuto).Connect();
  ASSERT_FALSE(held);
  RunFixOf(held.error());
  WriteRow(batch::ForeignKeys::kBatch);
  EXPECT_EQ(Summaries(), 0);
  EXPECT_EQ(database_.Value("SELECT DISTINCT tgenabled FROM pg_trigger WHERE tgname = "
                            "'update_usage_on_log'"),
            "A")
      << "the fix leaves this as it was";
}

TEST_F(CopyPathTest, ASummaryTriggerOfOnePartitionIsSeen) {
  database_.Execute(
      "CREATE TRIGGER legacy AFTER INSERT ON usage_logs FOR EACH ROW EXECUTE FUNCTION "
      "update_usage_summary(); ALTER TABLE usage_logs DISABLE TRIGGER legacy;"
      "ALTER TABLE new_year ENABLE TRIGGER legacy");
  const Result<> held = MakeWriter(batch::ForeignKeys::kConstraints).Connect();
  ASSERT_FALSE(held);
  RunFixOf(held.error());
  WriteRow(batch::ForeignKeys::kConstraints);
  EXPECT_EQ(Summaries(), 0);
}

// What it writes itself relies on foreign keys and triggers, so they stay on.
TEST_F(CopyPathTest, AForeignTriggerThatAlwaysFiresMeansTheSlowPath) {
  database_.Execute(
      "CREATE TRIGGER see AFTER INSERT ON new_year FOR EACH ROW EXECUTE FUNCTION see();"
      "ALTER TABLE new_year ENABLE ALWAYS TRIGGER see");
  EXPECT_FALSE(Probe("litemaas").facts.copy_path->may_skip_constraints());
  WriteRow(batch::ForeignKeys::kAuto);
  EXPECT_EQ(Seen(), 1);
}

// The seed's trigger has its guard, so it may fire where it likes.
TEST_F(CopyPathTest, AGuardedTriggerForReplicasIsNoReasonForTheSlowPath) {
  database_.Execute("ALTER TABLE usage_logs ENABLE REPLICA TRIGGER update_usage_on_log");
  WriteRow(batch::ForeignKeys::kBatch);
  EXPECT_EQ(Summaries(), 0);
}

TEST_F(CopyPathTest, ATriggerForReplicasDoesNotFireForOurRows) {
  database_.Execute(
      "CREATE TRIGGER see AFTER INSERT ON new_year FOR EACH ROW EXECUTE FUNCTION see();"
      "ALTER TABLE new_year ENABLE REPLICA TRIGGER see");
  WriteRow(batch::ForeignKeys::kAuto);
  EXPECT_EQ(Seen(), 0) << "as for the rows of every other program";
}

TEST_F(CopyPathTest, ADatabaseWhoseSessionsAreReplicasKeepsItsConstraintsAllTheSame) {
  database_.Execute(
      "CREATE TRIGGER see AFTER INSERT ON new_year FOR EACH ROW EXECUTE FUNCTION see();"
      "ALTER DATABASE litemaas SET session_replication_role = replica");
  WriteRow(batch::ForeignKeys::kConstraints);
  EXPECT_EQ(Seen(), 1);
}

// The story: a temporary table lived as long as its session, for months, and no other session may
// freeze one: the age of the database grew.
TEST_F(CopyPathTest, NoTemporaryTableOutlivesItsTransaction) {
  RowWriter writer = MakeWriter(batch::ForeignKeys::kAuto);
  ASSERT_TRUE(writer.Connect());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(writer.Stage(writer.Row(kTime)));
  EXPECT_EQ(Rows(), 3);
  EXPECT_EQ(database_.Number("SELECT count(*) FROM pg_class WHERE relpersistence = 't'"), 0);
  const auto age = [&] {
    return database_.Number(
        "SELECT max(age(relfrozenxid)) FROM pg_class WHERE relkind IN ('r', 't')");
  };
  for (int i = 0; i < 100; ++i) database_.Execute("SELECT txid_current()");
  database_.Execute("VACUUM (FREEZE)");
  EXPECT_LT(age(), 50) << "nothing keeps VACUUM from freezing all";
}

}  // namespace
}  // namespace usage_ingest::postgres
