#pragma once
// PostgresWorld: the database of a BatchStoreContractTest on a real PostgreSQL.
//
// Owner         one test case. The server outlives it.
#include <memory>
#include <string>

#include "ingest/postgres/batch/foreign_keys.h"
#include "ingest/postgres/batch/progress_store.h"
#include "tests/sim/batch_store_contract.h"
#include "tests/support/postgres/postgres_cluster.h"

namespace usage_ingest::sim {

class PostgresWorld : public StoreWorld {
 public:
  // REQUIRES: `database` is migrated and has no rows.
  PostgresWorld(const support::PostgresCluster& server, const std::string& database,
                postgres::batch::ForeignKeys foreign_keys);

  std::unique_ptr<pipeline::BatchStore> MakeStore(std::size_t lane) override;
  void Step() override;
  std::string key_hash() override;
  std::int64_t RowCount() override;
  std::int64_t NextOffset() override;
  std::int64_t CountedEvents() override;
  std::int64_t SummaryRequests() override;
  std::int64_t HistoryRequests() override;
  std::int64_t UsedRequests() override;
  std::int64_t DeadLetterCount() override;
  bool TryDeleteSubscription() override;
  void EndSessions() override;

 private:
  postgres::batch::ForeignKeys foreign_keys_;
  std::unique_ptr<postgres::batch::ProgressStore> progress_;
  support::Database database_;
};

}  // namespace usage_ingest::sim
