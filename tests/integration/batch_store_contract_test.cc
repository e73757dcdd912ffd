// PgBatchStore on a real PostgreSQL keeps the contract that the simulation's fake keeps.
#include "tests/sim/batch_store_contract.h"

#include "ingest/postgres/batch/pg_batch_store.h"
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/sim/event_factory.h"

namespace usage_ingest::sim {
namespace {

constexpr char kGroup[] = "contract";
constexpr char kDatabase[] = "litemaas";

class PostgresWorld final : public StoreWorld, private postgres::PostgresTest {
 public:
  explicit PostgresWorld(postgres::batch::ForeignKeys foreign_keys)
      : foreign_keys_(foreign_keys), database_(CreateMigrated(kDatabase)) {
    postgres::Populate(database_, 1);
    database_.Execute(
        "UPDATE subscriptions SET quota_requests = " + std::to_string(kQuota) +
        ", quota_tokens = 1000000;"
        "INSERT INTO usage_ingest.kafka_offsets (group_id, topic, partition, next_offset) "
        "VALUES ('" +
        std::string(kGroup) +
        "', 'litellm.usage.v1', 0, 0);"
        "ALTER TABLE usage_logs ADD CONSTRAINT refused CHECK (latency_ms <> " +
        std::to_string(kRefusedLatencyMs) + ")");
  }

  std::unique_ptr<pipeline::BatchStore> MakeStore(std::size_t lane) override {
    return std::make_unique<postgres::batch::PgBatchStore>(
        context.get_executor(),
        postgres::batch::PgBatchStoreOptions{
            .conninfo = postgres_.conninfo(kDatabase),
            .application_name = "usage-ingestd/" + std::to_string(lane),
            .foreign_keys = foreign_keys_},
        *progress_);
  }
  void Step() override {
    context.restart();
    context.run_one();
  }
  std::string key_hash() override {
    return database_.Value(
        "SELECT k.key_hash FROM api_keys AS k JOIN subscriptions AS s ON s.id = k.subscription_id "
        "WHERE s.model_id = 'model-a'");
  }
  std::int64_t RowCount() override { return Number("SELECT count(*) FROM usage_logs"); }
  std::int64_t NextOffset() override {
    return Number("SELECT next_offset FROM usage_ingest.kafka_offsets");
  }
  std::int64_t CountedEvents() override {
    return Number("SELECT events FROM usage_ingest.kafka_offsets");
  }
  std::int64_t SummaryRequests() override {
    return Number(
        "SELECT coalesce(sum(request_count), 0)::bigint FROM usage_summaries "
        "WHERE period_type = 'hour'");
  }
  std::int64_t HistoryRequests() override {
    return Number("SELECT coalesce(sum(requests), 0)::bigint FROM usage_ingest.usage_daily");
  }
  std::int64_t UsedRequests() override {
    return Number(
        "SELECT coalesce(used_requests, 0) FROM subscriptions WHERE model_id = 'model-a'");
  }
  std::int64_t DeadLetterCount() override {
    return Number("SELECT count(*) FROM usage_ingest.dead_letters");
  }
  bool TryDeleteSubscription() override {
    try {
      database_.Execute(
          "SET lock_timeout = '200ms'; DELETE FROM subscriptions WHERE model_id = 'model-a'");
    } catch (const postgres::DatabaseError& error) {
      if (error.sqlstate != "55P03") throw;
      return false;
    }
    return true;
  }
  void EndSessions() override {
    database_.Execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE application_name LIKE 'usage-ingestd/%'");
  }

 private:
  void TestBody() override {}
  std::int64_t Number(const std::string& sql) { return database_.Number(sql); }

  postgres::batch::ForeignKeys foreign_keys_;
  const std::unique_ptr<postgres::batch::ProgressStore> progress_ =
      postgres::batch::MakeGroupProgress(kGroup);
  postgres::Database database_;
};

template <postgres::batch::ForeignKeys kForeignKeys>
std::unique_ptr<StoreWorld> MakeWorld() {
  return std::make_unique<PostgresWorld>(kForeignKeys);
}

INSTANTIATE_TEST_SUITE_P(Fast, BatchStoreContractTest,
                         ::testing::Values(&MakeWorld<postgres::batch::ForeignKeys::kBatch>));
INSTANTIATE_TEST_SUITE_P(Slow, BatchStoreContractTest,
                         ::testing::Values(&MakeWorld<postgres::batch::ForeignKeys::kConstraints>));

}  // namespace
}  // namespace usage_ingest::sim
