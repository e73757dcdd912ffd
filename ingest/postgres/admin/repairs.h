#pragma once
// Repairs: applies numbered rows of a temporary table in short transactions.
//
// A rebuild collects what is to be added in one statement, which holds no lock, and adds it later:
// what is written in between is kept, and no writer waits for long.
//
// Errors        kUnavailable: a lock was not free for `options.lock_wait_max`.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/postgres/admin/summary_chunks.h"
#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::admin {

// The repairs are numbered from 1 to `count`, in the order of locks. Each of `statements` does the
// repairs ($1, $2] of `table`, which messages name.
[[nodiscard]] Result<> ApplyRepairs(blocking::SyncConnection& connection, std::int64_t count,
                                    std::string_view table,
                                    const std::vector<std::string>& statements,
                                    const RebuildOptions& options);

}  // namespace usage_ingest::postgres::admin
