#pragma once
// Comparison: reads rows of usage_logs and their sums as they were at one moment.
//
// Every writer changes rows and sums in one transaction, so on one server a single statement, which
// has a single snapshot, sees both or neither. No snapshot spans the nodes of Citus. There the sums
// are locked against writers for the statement, and no transaction may be left that a worker has
// prepared and not committed: its rows would appear later than its sums.
//
// Limit         where Citus distributes usage_logs, writers wait as long as the statement takes.
// Errors        kUnavailable when a worker does not answer, or has not committed what it prepared
//               within `lock_wait_max`: Citus makes up for it each citus.recover_2pc_interval.
#include <chrono>
#include <span>
#include <string>

#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::admin {

// One statement; a temporary table may be written. Each call asks whether usage_logs is
// distributed, because `migrate --citus` may run between two of them.
[[nodiscard]] Result<blocking::SyncRows> QueryAtOneMoment(
    blocking::SyncConnection& connection, std::chrono::seconds lock_wait_max,
    const std::string& sql, std::span<const blocking::SyncParam> params);

}  // namespace usage_ingest::postgres::admin
