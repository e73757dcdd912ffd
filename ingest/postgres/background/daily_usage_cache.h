#pragma once
// DailyUsageCache: shows the usage of usage_logs on LiteMaaS' analytics pages.
//
// LiteMaaS reads a document for each day from its table daily_usage_cache, and asks LiteLLM for
// those that are missing or out of date. Here they are written before it asks. Which days are due,
// and the documents, are in schema/sql/0032_fill_daily_usage_cache.sql.
//
// Limit         one day in a call, so that the caller can do other work in between.
#include <string>

#include "ingest/postgres/session/async_connection.h"

namespace usage_ingest::postgres::background {

// Writes the latest day before `before` ("": of all) that is due, and returns it as YYYY-MM-DD.
// "": there is none, or LiteMaaS has no such table, or another daemon writes to it.
[[nodiscard]] pipeline::Task<Result<std::string>> FillDayBefore(
    const std::string& before, session::AsyncConnection& connection);

}  // namespace usage_ingest::postgres::background
