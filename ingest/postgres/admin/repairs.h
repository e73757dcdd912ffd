#pragma once
// Repairs: applies numbered rows of a temporary table in short transactions.
//
// A rebuild collects what is to be added in one statement, which holds no lock, and adds it later:
// what is written in between is kept, and no writer waits for long.
//
// Errors        kUnavailable: a lock was not free for `lock_wait_max`.
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::admin {

struct RepairSteps {
  std::string_view what;                // for messages: the table
  std::vector<std::string> statements;  // each does the repairs ($1, $2]
  int rows_per_transaction = 1000;
  std::chrono::seconds lock_wait_max = std::chrono::minutes(10);
};

// The repairs are numbered from 1 to `count`, in the order of locks.
[[nodiscard]] Result<> ApplyRepairs(blocking::SyncConnection& connection, std::int64_t count,
                                    const RepairSteps& steps);

}  // namespace usage_ingest::postgres::admin
