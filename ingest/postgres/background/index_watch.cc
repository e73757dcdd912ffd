#include "ingest/postgres/background/index_watch.h"

#include <chrono>

namespace usage_ingest::postgres::background {
namespace {

// $1 to $3 as indexes_due() has them.
constexpr const char* kWatchIndexes = R"sql(
SELECT (SELECT count(DISTINCT partition)
          FROM usage_ingest.indexes_due($1::int8, $2::int8::int4, $3::int8::int4)),
       CASE WHEN p.indexes = 'deferred'
            THEN (SELECT count(*) FROM usage_ingest.secondary_indexes() WHERE NOT is_deferred)
            ELSE 0 END,
       b.built, (b.seconds * 1000)::int8
  FROM usage_ingest.partitioning AS p,
       (SELECT count(*) AS built, COALESCE(sum(seconds), 0) AS seconds
          FROM usage_ingest.index_builds) AS b)sql";

}  // namespace

pipeline::Task<Result<>> ReportIndexes(session::AsyncConnection& connection,
                                       const batch::PartitionPlan& plan,
                                       pipeline::TelemetrySink& telemetry) {
  const auto after = std::chrono::duration_cast<std::chrono::seconds>(plan.index_after);
  session::Statement statement{kWatchIndexes, {}};
  statement.params.Add(std::int64_t{after.count()})
      .Add(std::int64_t{plan.retention_months})
      .Add(std::int64_t{plan.retention_days});
  const Result<session::PgResult> found = co_await connection.Execute(statement);
  if (!found) co_return std::unexpected(found.error());
  if (PQntuples(found->get()) != 1) co_return Result<>{};
  const auto number = [&](int column) { return session::Int64At(found->get(), 0, column); };
  telemetry.On(pipeline::IndexesWatched{.partitions_waiting = number(0),
                                        .not_deferred = number(1),
                                        .built = number(2),
                                        .build_time = std::chrono::milliseconds(number(3))});
  co_return Result<>{};
}

}  // namespace usage_ingest::postgres::background
