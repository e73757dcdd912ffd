#pragma once
// Distribution: does Citus distribute usage_logs?
//
// usage_ingest.rows_are_distributed() is the only place that says so (schema/sql/0035). Nothing is
// distributed before the migration that makes it.
#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::blocking {

[[nodiscard]] Result<bool> RowsAreDistributed(SyncConnection& connection);

}  // namespace usage_ingest::postgres::blocking
