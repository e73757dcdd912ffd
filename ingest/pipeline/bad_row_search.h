#pragma once
// FindBadRow: which of the rows does the database refuse, when it has not said so?
//
// By halves. Each half is tried in a transaction of its own that is rolled back, and is staged,
// since among the rows there may be duplicates too. The last row is tried alone: what looked like a
// bad row may have been a trigger's error in a language that is not read (session/sqlstate.h).
//
// Owner         the lane; outside a transaction.
// Errors        as StageRows fails, but for kBadRecord. kUnavailable: no row alone is refused.
#include <cstddef>
#include <span>

#include "ingest/pipeline/batch_store.h"
#include "ingest/pipeline/task.h"

namespace usage_ingest::pipeline {

// REQUIRES: at least one row. `store` and `rows` outlive the task.
Task<Result<std::size_t>> FindBadRow(BatchStore& store, std::span<const UsageRow* const> rows);

}  // namespace usage_ingest::pipeline
