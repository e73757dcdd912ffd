#pragma once
// SummaryChunks: the days and months in which rows of usage_logs are compared with their sums.
//
// A chunk is compared only if all of it lies in partitions that exist. A month that
// `partitions retain` took away is left alone, also when a late event brought its partition back:
// its sums are all that is left of its rows.
//
// Units         UTC; the range is [from, to), and what it touches is compared as a whole.
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include "ingest/postgres/blocking/sync_connection.h"
#include "schema/limits.h"
#include "schema/strong.h"

namespace usage_ingest::postgres::admin {

struct SummaryRange {
  std::optional<EventTimeUs> from;  // nullopt: from the first row
  std::optional<EventTimeUs> to;    // nullopt: to the last row
};

// Called after each day and month: how many are done, and how many there are.
using SummaryProgress = std::function<void(std::int64_t done, std::int64_t total)>;

struct VerifyOptions {
  SummaryRange range = {};
  std::size_t differences_max = 100;  // kept in the report; all are counted
  std::chrono::seconds lock_wait_max = limits::kCommandLockWaitMax;
  SummaryProgress progress = {};
};

struct RebuildOptions {
  SummaryRange range = {};
  // Of the history. The rows are complete, after a replay for example: also take away what is too
  // much. Sums of a deleted key become sums of no key then.
  bool rows_are_complete = false;
  int rows_per_transaction = 1000;
  std::chrono::seconds lock_wait_max = limits::kCommandLockWaitMax;
  SummaryProgress progress = {};
};
struct RebuildReport {
  std::int64_t chunks_done = 0;
  std::int64_t rows_repaired = 0;  // added, corrected and removed ones
};

// A day or a month: start, end and level, which is "day" or "month".
using SummaryChunk = std::array<blocking::SyncParam, 3>;

enum class ChunkLevels : unsigned char { kDays, kDaysAndMonths };

// Calls `work` for each chunk, the oldest first. Answers how many there were.
[[nodiscard]] Result<std::int64_t> ForEachChunk(
    blocking::SyncConnection& connection, const SummaryRange& range, ChunkLevels levels,
    const SummaryProgress& progress, const std::function<Result<>(const SummaryChunk&)>& work);

}  // namespace usage_ingest::postgres::admin
