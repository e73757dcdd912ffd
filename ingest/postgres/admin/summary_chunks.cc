#include "ingest/postgres/admin/summary_chunks.h"

#include <string>

namespace usage_ingest::postgres::admin {
namespace {

// What there is to compare: days and months (level, start, end), oldest first, of the range [$1,
// $2) in microseconds since 1970 (NULL: as far as there are rows) that lie within partitions.
// $3: months, too.
constexpr const char* kChunks = R"sql(
WITH rows_reach AS (
  SELECT least((SELECT min(created_at) FROM public.usage_logs)::timestamptz,
               (SELECT min(period_start) FROM public.usage_summaries)::timestamptz) AS first,
         greatest((SELECT max(created_at) FROM public.usage_logs)::timestamptz,
                  (SELECT max(period_start) FROM public.usage_summaries)::timestamptz) AS last
), reach AS (
  SELECT greatest(first, 'epoch'::timestamptz + $1::bigint * interval '1 microsecond') AS first,
         least(last, 'epoch'::timestamptz + ($2::bigint - 1) * interval '1 microsecond') AS last
    FROM rows_reach
), chunks AS (
  SELECT 'day' AS level, day AS start, day + interval '1 day' AS finish
    FROM reach, generate_series(date_trunc('day', first), last, interval '1 day') AS day
  UNION ALL
  SELECT 'month', month, month + interval '1 month'
    FROM reach, generate_series(date_trunc('month', first), last, interval '1 month') AS month
   WHERE $3::boolean
), partitioned AS (
  SELECT range_agg(CASE WHEN is_default THEN tstzrange(NULL, NULL)
                        ELSE tstzrange(from_time, to_time) END)
         -- A late event may have brought a retired month's partition back, with few of its rows.
         - COALESCE((SELECT range_agg(tstzrange(from_time, to_time))
                       FROM usage_ingest.retired_partitions), '{}') AS spans
    FROM usage_ingest.partitions_of_usage_logs() WHERE NOT detach_pending
)
SELECT level, start::text, finish::text
  FROM chunks, partitioned
 WHERE spans @> tstzrange(start, finish)
 ORDER BY finish, level)sql";

blocking::SyncParam TimeParam(const std::optional<EventTimeUs>& time) {
  if (!time) return std::nullopt;
  return std::to_string(time->value);
}

}  // namespace

Result<std::int64_t> ForEachChunk(blocking::SyncConnection& connection, const SummaryRange& range,
                                  ChunkLevels levels, const SummaryProgress& progress,
                                  const std::function<Result<>(const SummaryChunk&)>& work) {
  const std::array<blocking::SyncParam, 3> params = {
      TimeParam(range.from), TimeParam(range.to),
      levels == ChunkLevels::kDaysAndMonths ? "true" : "false"};
  const auto rows = connection.Query(kChunks, params);
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->count(); ++i) {
    const SummaryChunk chunk = {std::string(rows->text(i, 1)), std::string(rows->text(i, 2)),
                                std::string(rows->text(i, 0))};
    if (auto done = work(chunk); !done) return std::unexpected(done.error());
    if (progress) progress(i + 1, rows->count());
  }
  return rows->count();
}

}  // namespace usage_ingest::postgres::admin
