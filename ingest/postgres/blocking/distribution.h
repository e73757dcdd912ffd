#pragma once
// Distribution: does Citus distribute usage_logs?
//
// usage_ingest.rows_are_distributed() is the only place that says so (schema/sql/0035). Nothing is
// distributed before the migration that makes it.
#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::blocking {

[[nodiscard]] inline Result<bool> RowsAreDistributed(SyncConnection& connection) {
  auto is_migrated = connection.Execute(
      "SELECT to_regprocedure('usage_ingest.rows_are_distributed()') IS NOT NULL");
  if (!is_migrated) return std::unexpected(is_migrated.error());
  if (!is_migrated->boolean(0, 0)) return false;
  auto answer = connection.Execute("SELECT usage_ingest.rows_are_distributed()");
  if (!answer) return std::unexpected(answer.error());
  return answer->boolean(0, 0);
}

}  // namespace usage_ingest::postgres::blocking
