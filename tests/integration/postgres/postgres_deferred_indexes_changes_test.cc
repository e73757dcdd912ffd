// Deferred indexes while others change the database: names, columns, partitions, whole schemas.
#include <thread>

#include "tests/integration/postgres/deferred_indexes_fixture.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::chrono_literals;

class DeferredIndexesChangesTest : public DeferredIndexesFixture {
 protected:
  void MustGiveBack() {
    const MigrateOutcome outcome = Switch(IndexTime::kImmediate);
    ASSERT_TRUE(outcome.result) << outcome.result.error().context;
    EXPECT_EQ(SecondaryIndexes("usage_logs_deferred_indexes"), 0);
  }
  std::int64_t LeftBounds() {
    return database_->Number(
        "SELECT count(*) FROM pg_constraint WHERE conname = 'usage_ingest_bound'");
  }
};

// The owner of the table chooses the name, and a superuser migrates.
TEST_F(DeferredIndexesChangesTest, NameOfAnIndexIsNeverRun) {
  database_->Execute(
      "CREATE INDEX \"x USING btree (id);CREATE TABLE stolen();--\" ON usage_logs (status_code)");
  MustDefer();
  Ensure("2017-03-01");
  EXPECT_EQ(Build(), 6U);
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.index_builds WHERE definition = "
                              "'USING btree (status_code)'"),
            1);
  MustGiveBack();
  EXPECT_EQ(SecondaryIndexes("usage_logs"), 6);
  EXPECT_EQ(database_->Value("SELECT to_regclass('public.stolen') IS NULL"), "t");
}

// pg_get_indexdef names their schema only where the search_path lacks it.
TEST_F(DeferredIndexesChangesTest, IndexWithAFunctionOfSchemaPublicIsBuiltOnce) {
  database_->Execute(
      "CREATE FUNCTION shortened(TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS 'SELECT left($1, "
      "3)'; CREATE COLLATION plain FROM \"C\";"
      "CREATE INDEX idx_function ON usage_logs (shortened(model_id::text));"
      "CREATE INDEX idx_collation ON usage_logs (model_id COLLATE plain)");
  MustDefer();
  EXPECT_EQ(Count(kPast, "valid"), 7);
  Ensure("2017-03-01");
  EXPECT_EQ(Build(), 7U);
  EXPECT_EQ(Build(), 0U);
  MustGiveBack();
  EXPECT_EQ(SecondaryIndexes(kPast), 7);
}

TEST_F(DeferredIndexesChangesTest, OneThatFailsStopsNoOther) {
  MustDefer();
  Ensure("2017-03-01");
  Log("2017-03-01 10:00+00");
  database_->Execute("UPDATE usage_logs SET request_tokens = 0 WHERE created_at >= '2017-03-01'");
  database_->Execute("CREATE INDEX a_fails ON usage_logs_deferred_indexes ((1 / request_tokens))");
  const auto built = TryBuild();
  ASSERT_TRUE(built) << built.error().context;
  EXPECT_EQ(std::ranges::count(*built, Outcome::kFailed, &admin::BuiltIndex::outcome), 1);
  EXPECT_EQ(Count("usage_logs_2017_03_01", "valid"), 5);
  EXPECT_EQ(Count(kPast, "valid"), 6);
  const auto checked = admin::CheckAllBuilt(*built);
  ASSERT_FALSE(checked);
  EXPECT_TRUE(Holds(checked.error().context, "usage_logs_2017_03_01 USING btree"));
  EXPECT_TRUE(Holds(checked.error().context, "22012"));  // division_by_zero
  // usage_logs cannot adopt it.
  const MigrateOutcome outcome = Switch(IndexTime::kImmediate);
  ASSERT_FALSE(outcome.result);
  EXPECT_TRUE(Holds(outcome.result.error().context, "usage_logs_2017_03_01 USING btree"));
}

TEST_F(DeferredIndexesChangesTest, IndexOfADroppedColumnIsGivenUp) {
  database_->Execute(
      "ALTER TABLE usage_logs ADD COLUMN extra TEXT; CREATE INDEX idx_extra ON usage_logs(extra)");
  MustDefer();
  database_->Execute("ALTER TABLE usage_logs DROP COLUMN extra");
  Ensure("2017-03-01");
  EXPECT_EQ(Build(), 5U);
  const auto findings = Probe("litemaas").findings;
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_TRUE(Holds(findings[0].ToLine(), "deferred index idx_extra")) << findings[0].ToLine();
  const MigrateOutcome outcome = Switch(IndexTime::kDeferred);
  ASSERT_TRUE(outcome.result) << outcome.result.error().context;
  EXPECT_TRUE(Holds(outcome.output, "note: the deferred index idx_extra is removed"));
  EXPECT_EQ(SecondaryIndexes("usage_logs_deferred_indexes"), 5);
  EXPECT_TRUE(Probe("litemaas").findings.empty());
}

TEST_F(DeferredIndexesChangesTest, WayBackGivesUpTheIndexOfADroppedColumn) {
  database_->Execute(
      "ALTER TABLE usage_logs ADD COLUMN extra TEXT; CREATE INDEX idx_extra ON usage_logs(extra)");
  MustDefer();
  database_->Execute("ALTER TABLE usage_logs DROP COLUMN extra");
  MustGiveBack();
  EXPECT_EQ(SecondaryIndexes("usage_logs"), 5);
}

// PostgreSQL writes casts into the definition of an index, which then differs.
TEST_F(DeferredIndexesChangesTest, IndexOfAChangedColumnIsBuiltOnceAfterMigrate) {
  database_->Execute(
      "ALTER TABLE usage_logs ADD COLUMN extra VARCHAR(9); CREATE INDEX idx_extra ON "
      "usage_logs (lower(extra))");
  MustDefer();
  const std::string attached =
      "SELECT string_agg(xmin::text, ' ' ORDER BY inhrelid) FROM pg_inherits";
  const std::string attached_before = database_->Value(attached);
  database_->Execute(
      "ALTER TABLE usage_logs ALTER COLUMN extra TYPE TEXT; ALTER TABLE usage_logs ADD COLUMN "
      "another TEXT");
  Ensure("2017-03-01");
  EXPECT_EQ(Build(), 5U);
  EXPECT_EQ(Probe("litemaas").findings.size(), 1U);
  MustDefer();
  EXPECT_TRUE(Probe("litemaas").findings.empty());
  database_->Execute("CREATE INDEX idx_another ON usage_logs_deferred_indexes(another)");
  EXPECT_EQ(Count("usage_logs_2017_03_01", "missing"), 2);
  EXPECT_EQ(Build(), 4U);  // idx_another also on the two days before
  EXPECT_EQ(Build(), 0U);
  // The template alone was made again.
  EXPECT_TRUE(database_->Value(attached).starts_with(attached_before));
}

// DROP SCHEMA, or a dump of schema public alone: the template is there, our state is not.
TEST_F(DeferredIndexesChangesTest, LossOfOurSchemaIsRepairedForBothSettings) {
  for (const IndexTime wanted : {IndexTime::kDeferred, IndexTime::kImmediate}) {
    MustDefer();
    database_->Execute("SET client_min_messages = error; DROP SCHEMA usage_ingest CASCADE");
    const MigrateOutcome outcome = Switch(wanted);
    ASSERT_TRUE(outcome.result) << outcome.result.error().context;
    const bool is_deferred = wanted == IndexTime::kDeferred;
    EXPECT_EQ(SecondaryIndexes("usage_logs"), is_deferred ? 0 : 5);
    EXPECT_EQ(SecondaryIndexes("usage_logs_deferred_indexes"), is_deferred ? 5 : 0);
    EXPECT_EQ(SecondaryIndexes(kPast), 5);
    EXPECT_TRUE(Probe("litemaas").findings.empty());
  }
}

TEST_F(DeferredIndexesChangesTest, PartitionWithoutAnEndKeepsItsIndexes) {
  database_->Execute(
      "CREATE TABLE late PARTITION OF usage_logs FOR VALUES FROM ('2190-01-01') TO (MAXVALUE);"
      "CREATE TABLE early PARTITION OF usage_logs FOR VALUES FROM (MINVALUE) TO ('1990-01-01')");
  MustDefer();
  EXPECT_EQ(SecondaryIndexes("late"), 5);
  EXPECT_EQ(SecondaryIndexes("early"), 5);
}

// An index of it would be built while usage_logs is locked.
TEST_F(DeferredIndexesChangesTest, WayBackWithADefaultPartitionIsRefused) {
  MustDefer();
  database_->Execute("CREATE TABLE rest PARTITION OF usage_logs DEFAULT");
  const MigrateOutcome outcome = Switch(IndexTime::kImmediate);
  ASSERT_FALSE(outcome.result);
  EXPECT_TRUE(Holds(outcome.result.error().context, "rest is a DEFAULT partition"));
  EXPECT_EQ(SecondaryIndexes("usage_logs_deferred_indexes"), 5);
  database_->Execute("DROP TABLE rest");
  MustGiveBack();
}

// The fix that the warning names is run as it is.
TEST_F(DeferredIndexesChangesTest, DroppedTemplateIsNoticedUntilItHasIndexes) {
  const std::vector<std::string> catalogue = CatalogueLines(*database_);
  MustDefer();
  database_->Execute("DROP TABLE usage_logs_deferred_indexes");
  EXPECT_EQ(Probe("litemaas").findings.size(), 1U);
  const MigrateOutcome outcome = Switch(IndexTime::kDeferred);
  EXPECT_TRUE(Holds(outcome.output, "usage_logs_deferred_indexes: it has no index"));
  const auto findings = Probe("litemaas").findings;
  ASSERT_EQ(findings.size(), 1U);
  const std::string& fix = findings[0].fix;
  ASSERT_TRUE(fix.starts_with("CREATE INDEX")) << fix;
  database_->Execute(fix.substr(0, fix.find(", and your own")));
  EXPECT_TRUE(Probe("litemaas").findings.empty());
  MustGiveBack();
  EXPECT_EQ(CatalogueLines(*database_), catalogue);
}

TEST_F(DeferredIndexesChangesTest, BoundsOfAnInterruptedRunAreDropped) {
  const std::string add =
      "ALTER TABLE usage_logs_2017_02_03 ADD CONSTRAINT usage_ingest_bound CHECK (created_at >= "
      "'2017-02-03') NOT VALID";
  database_->Execute(add);
  MustGiveBack();
  EXPECT_EQ(LeftBounds(), 0);
  MustDefer();
  database_->Execute(add);
  MustDefer();
  EXPECT_EQ(LeftBounds(), 0);
}

TEST_F(DeferredIndexesChangesTest, WhatDetachingLosesIsSaid) {
  database_->Execute(
      "COMMENT ON INDEX idx_usage_logs_model IS 'mine'; ALTER TABLE usage_logs_2017_02_03 DISABLE "
      "TRIGGER update_usage_on_log");
  const MigrateOutcome outcome = Switch(IndexTime::kDeferred);
  ASSERT_TRUE(outcome.result) << outcome.result.error().context;
  for (const char* statement :
       {"COMMENT ON INDEX public.idx_usage_logs_model IS 'mine'",
        "ALTER TABLE usage_logs_2017_02_03 DISABLE TRIGGER update_usage_on_log"}) {
    EXPECT_TRUE(Holds(outcome.output, statement)) << outcome.output;
    database_->Execute(statement);
  }
}

// Everything is done under the locks, so it is read there.
TEST_F(DeferredIndexesChangesTest, WhatIsMadeWhileMigrateWaitsIsDeferredToo) {
  auto reader = std::make_unique<Database>(postgres_.Connect("litemaas"));
  reader->Execute("BEGIN; LOCK TABLE ONLY usage_logs IN ACCESS SHARE MODE");
  MigrateOutcome outcome;
  {
    const std::jthread migrate([&] { outcome = Switch(IndexTime::kDeferred); });
    ASSERT_TRUE(support::WaitUntil(support::After(30s), [&] {
      return database_->Number(
                 "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query "
                 "LIKE '%lock_tables%'") > 0;
    }));
    database_->Execute("CREATE INDEX idx_late ON usage_logs (status_code)");
    EXPECT_TRUE(support::WaitUntil(support::After(30s), [&] {
      return SqlstateOf(*database_, "SELECT usage_ingest.ensure_partition('2017-03-01')").empty();
    }));
    reader->Execute("ROLLBACK");
  }
  ASSERT_TRUE(outcome.result) << outcome.result.error().context;
  EXPECT_EQ(SecondaryIndexes("usage_logs"), 0);
  EXPECT_EQ(SecondaryIndexes("usage_logs_deferred_indexes"), 6);
  EXPECT_EQ(SecondaryIndexes("usage_logs_2017_03_01"), 6);
}

}  // namespace
}  // namespace usage_ingest::postgres
