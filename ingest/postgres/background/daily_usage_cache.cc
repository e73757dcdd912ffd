#include "ingest/postgres/background/daily_usage_cache.h"

namespace usage_ingest::postgres::background {
namespace {

constexpr const char* kFillDay =
    "SELECT coalesce(usage_ingest.fill_daily_usage_cache(nullif($1, '')::date)::text, '')";

}  // namespace

pipeline::Task<Result<std::string>> FillDayBefore(const std::string& before,
                                                  session::AsyncConnection& connection) {
  session::Statement statement{kFillDay, {}};
  statement.params.Add(std::string_view(before));
  const Result<session::PgResult> filled = co_await connection.Execute(statement);
  if (!filled) co_return std::unexpected(filled.error());
  co_return std::string(PQgetvalue(filled->get(), 0, 0));
}

}  // namespace usage_ingest::postgres::background
