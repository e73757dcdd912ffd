#pragma once
// SummaryAdmin: compares usage_summaries with the sums of usage_logs (INV-2), and repairs it.
//
// Both sides are read as they were at one moment (comparison.h). Every writer changes rows and sums
// in one transaction, so a difference seen there is no write in progress. For the same reason a
// repair needs no lock after it has counted: it adds the difference later, in short transactions,
// and keeps what was written in between.
//
// Thread-safety one rebuild at a time: an advisory lock refuses a second one.
// Limit         compared in whole UTC days and months whose partitions exist. Periods that
//               retention has removed, or that lie partly beyond the partitions' bounds,
//               stay as they are.
// Units         the range is UTC, [from, to); days it touches are compared as a whole, months too.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aggregate/summary_columns.h"
#include "ingest/postgres/admin/summary_chunks.h"
#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::admin {

// What is compared: the sums, and the average that follows from two of them.
inline constexpr auto kComparedColumns = [] {
  std::array<std::string_view, aggregate::kSummaryColumns.size() + 1> names{};
  std::ranges::transform(aggregate::kSummaryColumns, names.begin(),
                         &aggregate::SummaryColumn::name);
  names.back() = "avg_latency_ms";
  return names;
}();
using ComparedValues = std::array<std::string, kComparedColumns.size()>;

struct SummaryDifference {
  std::string subscription_id;
  std::string model_id;
  std::string period_type;
  std::string period_start;  // 2024-01-10 10:00:00+00
  ComparedValues expected;   // by kComparedColumns; "" is NULL
  ComparedValues actual;     // all "" when the row is missing
  bool row_missing = false;
  bool row_unfounded = false;  // there is no usage_logs row behind it
};

struct VerifyReport {
  std::int64_t chunks_done = 0;    // days and months
  std::int64_t rows_compared = 0;  // summaries that the logs ask for, and unfounded ones
  std::int64_t rows_different = 0;
  std::int64_t rows_missing = 0;    // of rows_different
  std::int64_t rows_unfounded = 0;  // of rows_different
  std::vector<SummaryDifference> differences;
};
[[nodiscard]] Result<VerifyReport> VerifySummaries(blocking::SyncConnection& connection,
                                                   const VerifyOptions& options);

// Needs TEMP, and DELETE on usage_summaries to remove unfounded rows (else they are left as zeros).
[[nodiscard]] Result<RebuildReport> RebuildSummaries(blocking::SyncConnection& connection,
                                                     const RebuildOptions& options);

}  // namespace usage_ingest::postgres::admin
