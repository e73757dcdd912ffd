#include "tests/integration/postgres/postgres_world.h"

#include "ingest/postgres/batch/pg_batch_store.h"
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/sim/event_factory.h"

namespace usage_ingest::sim {
namespace {

constexpr char kGroup[] = "contract";

}  // namespace

PostgresWorld::PostgresWorld(const support::PostgresCluster& server, const std::string& database,
                             postgres::batch::ForeignKeys foreign_keys)
    : foreign_keys_(foreign_keys),
      progress_(postgres::batch::MakeGroupProgress(kGroup)),
      database_(server.Connect(database)) {
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

std::unique_ptr<pipeline::BatchStore> PostgresWorld::MakeStore(std::size_t lane) {
  return std::make_unique<postgres::batch::PgBatchStore>(
      context.get_executor(),
      postgres::batch::PgBatchStoreOptions{
          .conninfo = database_.conninfo(),
          .application_name = "usage-ingestd/" + std::to_string(lane),
          .foreign_keys = foreign_keys_},
      *progress_);
}

void PostgresWorld::Step() {
  context.restart();
  context.run_one();
}

std::string PostgresWorld::key_hash() {
  return database_.Value(
      "SELECT k.key_hash FROM api_keys AS k JOIN subscriptions AS s ON s.id = k.subscription_id "
      "WHERE s.model_id = 'model-a'");
}

std::int64_t PostgresWorld::RowCount() {
  return database_.Number("SELECT count(*) FROM usage_logs");
}

std::int64_t PostgresWorld::NextOffset() {
  return database_.Number("SELECT next_offset FROM usage_ingest.kafka_offsets");
}

std::int64_t PostgresWorld::CountedEvents() {
  return database_.Number("SELECT events FROM usage_ingest.kafka_offsets");
}

std::int64_t PostgresWorld::SummaryRequests() {
  return database_.Number(
      "SELECT coalesce(sum(request_count), 0)::bigint FROM usage_summaries "
      "WHERE period_type = 'hour'");
}

std::int64_t PostgresWorld::HistoryRequests() {
  return database_.Number(
      "SELECT coalesce(sum(requests), 0)::bigint FROM usage_ingest.usage_daily");
}

std::int64_t PostgresWorld::UsedRequests() {
  return database_.Number(
      "SELECT coalesce(used_requests, 0) FROM subscriptions WHERE model_id = 'model-a'");
}

std::int64_t PostgresWorld::DeadLetterCount() {
  return database_.Number("SELECT count(*) FROM usage_ingest.dead_letters");
}

bool PostgresWorld::TryDeleteSubscription() {
  try {
    database_.Execute(
        "SET lock_timeout = '200ms'; DELETE FROM subscriptions WHERE model_id = 'model-a'");
  } catch (const support::DatabaseError& error) {
    if (error.sqlstate != "55P03") throw;
    return false;
  }
  return true;
}

void PostgresWorld::EndSessions() {
  database_.Execute(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
      "WHERE application_name LIKE 'usage-ingestd/%' AND datname = current_database()");
}

}  // namespace usage_ingest::sim
