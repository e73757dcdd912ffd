#pragma once
// DeferredIndexesFixture: daily partitions whose indexes a test defers, builds and gives back.
#include <memory>
#include <string>
#include <vector>

#include "ingest/postgres/admin/index_admin.h"
#include "tests/integration/postgres/partitions_fixture.h"
#include "tests/support/wait.h"

namespace usage_ingest::postgres {

class DeferredIndexesFixture : public PartitionsFixture {
 protected:
  using IndexTime = batch::IndexTime;
  using PartitionUnit = batch::PartitionUnit;
  using Outcome = admin::BuiltIndex::Outcome;

  static constexpr const char* kPast = "usage_logs_2017_02_03";

  // Days around now, and two of the past with a row each, made while indexes are immediate.
  void SetUp() override {
    PartitionsFixture::SetUp();
    database_->Execute(
        "DO $$ DECLARE part TEXT; BEGIN FOR part IN SELECT name FROM "
        "usage_ingest.partitions_of_usage_logs() LOOP EXECUTE 'DROP TABLE ' || part; END LOOP; "
        "END $$");
    ASSERT_TRUE(Switch(IndexTime::kImmediate).result);
    for (const char* day : {"2017-02-03", "2017-02-04"}) {
      Ensure(day);
      Log(day);
    }
  }

  MigrateOutcome Switch(IndexTime indexes) {
    return Migrate(
        "litemaas",
        {.partitions = {.by = PartitionUnit::kDay, .indexes = indexes, .days_ahead = 3}});
  }
  void MustDefer() {
    const MigrateOutcome outcome = Switch(IndexTime::kDeferred);
    ASSERT_TRUE(outcome.result) << outcome.result.error().context;
  }
  Result<std::vector<admin::BuiltIndex>> TryBuild(const batch::PartitionPlan& plan = {}) {
    blocking::SyncConnection connection = Open("litemaas");
    return admin::BuildIndexes(connection, {.plan = plan}, {});
  }
  // How many.
  std::size_t Build() {
    const auto built = TryBuild();
    EXPECT_TRUE(built) << built.error().context;
    if (!built) return 0;
    for (const admin::BuiltIndex& index : *built) EXPECT_EQ(index.outcome, Outcome::kBuilt);
    return built->size();
  }
  std::int64_t Count(const std::string& partition, const std::string& state) {
    return database_->Number(
        "SELECT count(*) FROM usage_ingest.partition_indexes WHERE partition = $1 AND state = $2",
        {"public." + partition, state});
  }
  std::int64_t SecondaryIndexes(const std::string& table) {
    return database_->Number(
        "SELECT count(*) FROM pg_index WHERE NOT indisunique AND indrelid = to_regclass($1)",
        {table});
  }
  // What deferring must not change, of usage_logs and its partitions.
  std::vector<std::string> KeysAndTriggers() {
    return database_->Lines(
        "SELECT c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid), c.convalidated, "
        "c.coninhcount, c.conislocal FROM pg_constraint AS c WHERE conrelid::regclass::text LIKE "
        "'usage\\_logs%' UNION ALL SELECT tgrelid::regclass, regexp_replace(tgname, "
        "'[0-9]+$', ''), pg_get_triggerdef(oid), tgenabled <> 'D', count(*) OVER (PARTITION BY "
        "tgrelid), tgisinternal FROM pg_trigger WHERE tgrelid::regclass::text LIKE "
        "'usage\\_logs%' AND NOT tgisinternal ORDER BY 1, 2, 3");
  }
  // All indexes of usage_logs and its partitions, with the index that each one belongs to.
  std::vector<std::string> Indexes() {
    return database_->Lines(
        "SELECT pg_get_indexdef(i.indexrelid), i.indisvalid, (SELECT inhparent::regclass FROM "
        "pg_inherits WHERE inhrelid = i.indexrelid) FROM pg_index AS i WHERE "
        "i.indrelid::regclass::text LIKE 'usage\\_logs%' ORDER BY 1");
  }

  // A session that has written to the past day and does not commit: a build waits for it.
  std::unique_ptr<Database> HoldBuilds() {
    auto writer = std::make_unique<Database>(postgres_.Connect("litemaas"));
    writer->Execute("BEGIN; LOCK TABLE " + std::string(kPast) + " IN ROW EXCLUSIVE MODE");
    return writer;
  }
  bool WaitForBuild() {
    return support::WaitUntil(support::After(std::chrono::seconds(30)),
                              [&] { return Count(kPast, "building") == 1; });
  }
};

}  // namespace usage_ingest::postgres
