#pragma once
// SummaryChunks: the days and months in which rows of usage_logs are compared with their sums.
//
// A chunk is compared only if all of it lies in partitions that exist. A month that
// `partitions retain` took away is left alone, also when a late event brought its partition back:
// its sums are all that is left of its rows.
//
// Units         UTC; the range is [from, to), and what it touches is compared as a whole.
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "ingest/postgres/blocking/sync_connection.h"
#include "schema/strong.h"

namespace usage_ingest::postgres::admin {

struct SummaryRange {
  std::optional<EventTimeUs> from;  // nullopt: from the first row
  std::optional<EventTimeUs> to;    // nullopt: to the last row
};

// Called after each day and month: how many are done, and how many there are.
using SummaryProgress = std::function<void(std::int64_t done, std::int64_t total)>;

// A day or a month: start, end and level, which is "day" or "month".
using SummaryChunk = std::array<blocking::SyncParam, 3>;

// Oldest first.
[[nodiscard]] Result<std::vector<SummaryChunk>> FindSummaryChunks(
    blocking::SyncConnection& connection, const SummaryRange& range);
// The days alone.
[[nodiscard]] Result<std::vector<SummaryChunk>> FindDays(blocking::SyncConnection& connection,
                                                         const SummaryRange& range);

}  // namespace usage_ingest::postgres::admin
