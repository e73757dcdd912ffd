#pragma once
// SummaryAdmin: is usage_summaries what usage_logs adds up to (INV-2), and making it so.
//
// Both sides are read in one statement, so one snapshot: every writer changes rows and sums in one
// transaction, so a difference seen there is a difference at rest, whoever writes meanwhile. For
// the same reason a repair need not hold a lock while it counts: it adds the difference later, in
// short transactions, and what was written in between is kept.
//
// Thread-safety one rebuild at a time: an advisory lock refuses a second one.
// Limit         compared in whole UTC days and months whose partitions exist; periods that
// retention
//               has taken, or that lie partly beyond the partitions' bounds, stay as they are.
// Units         the range is UTC, [from, to); days it touches are compared as a whole, months too.
#include <array>
#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/postgres/blocking/sync_connection.h"
#include "schema/strong.h"

namespace usage_ingest::postgres::admin {

struct SummaryRange {
  std::optional<EventTimeUs> from;  // nullopt: from the first row
  std::optional<EventTimeUs> to;    // nullopt: to the last row
};

// The columns that are compared, in this order.
inline constexpr std::array<std::string_view, 9> kSummaryColumnNames = {
    "request_count",  "total_tokens",    "error_count", "latency_ms_sum", "latency_count",
    "request_tokens", "response_tokens", "total_cost",  "avg_latency_ms"};

struct SummaryDifference {
  std::string subscription_id;
  std::string model_id;
  std::string period_type;
  std::string period_start;             // 2024-01-10 10:00:00+00
  std::array<std::string, 9> expected;  // by kSummaryColumnNames; "" is NULL
  std::array<std::string, 9> actual;    // all "" when the row is missing
  bool row_missing = false;
  bool row_unfounded = false;  // there is no usage_logs row behind it
};

// Called now and then: days and months done, and how many there are.
using SummaryProgress = std::function<void(std::int64_t done, std::int64_t total)>;

struct VerifyOptions {
  SummaryRange range = {};
  std::size_t differences_max = 100;  // kept in the report; all are counted
  SummaryProgress progress = {};
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

struct RebuildOptions {
  SummaryRange range = {};
  int rows_per_transaction = 1000;
  std::chrono::seconds patience = std::chrono::minutes(10);
  SummaryProgress progress = {};
};
struct RebuildReport {
  std::int64_t chunks_done = 0;    // days and months
  std::int64_t rows_repaired = 0;  // added, corrected and removed ones
};
// Needs TEMP, and DELETE on usage_summaries to remove unfounded rows (else they are left as zeros).
[[nodiscard]] Result<RebuildReport> RebuildSummaries(blocking::SyncConnection& connection,
                                                     const RebuildOptions& options);

}  // namespace usage_ingest::postgres::admin
