#pragma once
// PartitionsFixture: a migrated database whose partitions a test makes, fills and retires.
#include <memory>
#include <string>
#include <vector>

#include "tests/integration/postgres/postgres_fixture.h"

namespace usage_ingest::postgres {

class PartitionsFixture : public PostgresTest {
 protected:
  void SetUp() override {
    database_ = std::make_unique<Database>(CreateMigrated("litemaas"));
    Populate(*database_, 2);
  }

  std::string Ensure(const std::string& day) {
    return database_->Value("SELECT usage_ingest.ensure_partition($1::date)", {day});
  }
  // From that many months ago on, of the server's clock.
  void MakeMonths(int months) {
    database_->Execute(
        "SELECT usage_ingest.ensure_partition((date_trunc('month', now()) - m * interval '1 "
        "month')::date) FROM generate_series(0, " +
        std::to_string(months) + ") AS m");
  }
  std::vector<std::string> Bounds(const std::string& like) {
    return database_->Lines(
        "SELECT name, from_time, to_time FROM "
        "usage_ingest.partitions_of_usage_logs() WHERE name LIKE '%" +
        like + "%'");
  }
  // A row of that time.
  void Log(const std::string& time) {
    database_->Execute(
        "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens, "
        "created_at) SELECT id, model_id, 1, 1, '" +
        time + "' FROM subscriptions LIMIT 1");
  }
  // What `partitions retain` writes before it detaches; NULL: it was interrupted then.
  void RecordRetired(const std::string& table, const std::string& detached_at) {
    database_->Execute(
        "INSERT INTO usage_ingest.retired_partitions SELECT name::regclass, name, from_time, "
        "to_time, true, now(), " +
        detached_at + " FROM usage_ingest.partitions_of_usage_logs() WHERE name = 'public." +
        table + "'");
  }
  std::vector<admin::RetainedPartition> Retain(const admin::RetainOptions& options) {
    blocking::SyncConnection connection = Open("litemaas");
    auto retained = admin::RetainPartitions(connection, options, {});
    EXPECT_TRUE(retained) << retained.error().context;
    return retained ? *retained : std::vector<admin::RetainedPartition>{};
  }

  std::unique_ptr<Database> database_;
};

}  // namespace usage_ingest::postgres
