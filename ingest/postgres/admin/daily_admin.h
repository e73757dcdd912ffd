#pragma once
// DailyAdmin: compares the history, usage_ingest.usage_daily, with the rows of usage_logs (INV-10),
// and adds what it lacks.
//
// The history knows more than the rows: of deleted users and subscriptions, of months that were
// taken away, of keys that are gone. So a repair adds what the rows show and the history does not
// have, and takes nothing away, unless it is told that the rows are complete. Where no row of a
// subscription is left, nothing is compared.
//
// As in SummaryAdmin, both sides are read as of one moment, and differences are added later, so
// that writers go on.
//
// Thread-safety one rebuild at a time: HistoryLock.
// Limit         whole UTC days (summary_chunks.h).
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "aggregate/daily_columns.h"
#include "ingest/postgres/admin/summary_chunks.h"
#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::admin {

using DailyValues = std::array<std::string, aggregate::kDailyColumns.size()>;

// The sums of all keys and teams of a subscription and a model.
struct DailyDifference {
  std::string day;
  std::string subscription_id;
  std::string model_id;
  bool is_too_much = false;  // the history has more than the rows in a column at least
  DailyValues rows;          // by kDailyColumns
  DailyValues history;
};

struct VerifyDailyReport {
  std::int64_t days = 0;
  std::int64_t sums_compared = 0;
  std::int64_t sums_missing = 0;   // the rows have more
  std::int64_t sums_too_much = 0;  // the history has more
  std::vector<DailyDifference> differences;
};
[[nodiscard]] Result<VerifyDailyReport> VerifyDaily(blocking::SyncConnection& connection,
                                                    const VerifyOptions& options);

// Needs TEMP.
[[nodiscard]] Result<RebuildReport> RebuildDaily(blocking::SyncConnection& connection,
                                                 const RebuildOptions& options);

}  // namespace usage_ingest::postgres::admin
