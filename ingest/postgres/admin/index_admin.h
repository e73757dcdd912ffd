#pragma once
// IndexAdmin: builds the secondary indexes that partitions of usage_logs lack, for `partitions
// index` and for `migrate` on its way back from deferred indexes.
//
// One at a time with CREATE INDEX CONCURRENTLY: readers and writers go on, and a late event is
// only slower. What an interrupted build left (an INVALID index) is removed and built again. A
// partition that disappears is left out: retention has removed it. After an index that cannot be
// built the others are.
//
// Needs the owner of usage_logs, as retention does, and no function can do it: PostgreSQL allows no
// CREATE INDEX CONCURRENTLY within a transaction.
//
// Errors        kUnavailable: another session builds already, or the connection is lost.
// Source        schema/sql/0036_defer_indexes.sql; PostgreSQL 15 manual, CREATE INDEX, "Building
//               Indexes Concurrently".
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/postgres/batch/partition_plan.h"
#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::admin {

struct BuildIndexesOptions {
  batch::PartitionPlan plan = {};  // index_after; what retention is going to drop is left out
  bool all_partitions = false;     // whatever is lacking
  bool dry_run = false;
};
struct BuiltIndex {
  enum class Outcome : unsigned char { kWouldBuild, kBuilt, kGone, kFailed };
  std::string partition;
  std::string definition;  // from USING on
  double seconds = 0;
  Outcome outcome{};
  Error failure{};  // of kFailed
};

// What indexes are now: kDeferred after the `migrate` that made it so.
[[nodiscard]] Result<batch::IndexTime> ReadIndexTime(blocking::SyncConnection& connection);

// Nothing is due while indexes are immediate. `progress` hears of each index before it is built.
[[nodiscard]] Result<std::vector<BuiltIndex>> BuildIndexes(
    blocking::SyncConnection& connection, const BuildIndexesOptions& options,
    const std::function<void(std::string_view)>& progress);

// The error of the first index that could not be built, with a line for each of them.
[[nodiscard]] Result<> CheckAllBuilt(std::span<const BuiltIndex> indexes);

}  // namespace usage_ingest::postgres::admin
