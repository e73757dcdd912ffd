#include "tests/support/pipeline/oracle.h"

#include <filesystem>
#include <stdexcept>

#include "tests/support/compare.h"

namespace usage_ingest::support {
namespace {

constexpr char kHourSummaries[] =
    "SELECT subscription_id, model_id, period_start, request_count, total_tokens, error_count "
    "FROM usage_summaries WHERE period_type = 'hour'";
constexpr char kSubscriptions[] =
    "SELECT id, status, coalesce(used_requests, 0), coalesce(used_tokens, 0) FROM subscriptions";

Database MakeDatabase(PostgresCluster& postgres, const std::string& name) {
  postgres.CreateDatabase(name);
  return postgres.Connect(name);
}

}  // namespace

Oracle::Oracle(PostgresCluster& postgres, Database& checked, const std::string& name)
    : database_(MakeDatabase(postgres, name)) {
  const auto seed = std::filesystem::path(USAGE_INGEST_TEST_DATA) / "seed" / "schema.sql";
  const std::string sql = ReadFile(seed);
  if (sql.empty()) throw std::runtime_error("nothing in " + seed.string());
  database_.Execute(sql);
  database_.Execute("TRUNCATE users, models, teams, subscriptions, api_keys CASCADE");
  for (const char* table : {"users", "models", "teams", "subscriptions", "api_keys"}) {
    CopyTable(checked, table);
  }
}

std::string Oracle::Columns(const std::string& table) {
  return database_.Value(
      "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute "
      "WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
      {table});
}

void Oracle::CopyTable(Database& from, const std::string& table) {
  const std::string columns = Columns(table);
  database_.CopyIn("COPY " + table + " (" + columns + ") FROM STDIN",
                   from.CopyOut("COPY " + table + " (" + columns + ") TO STDOUT"));
}

void Oracle::FeedRows(Database& from) {
  for (const Row& month : from.Query("SELECT DISTINCT to_char(date_trunc('month', created_at), "
                                     "'YYYY_MM'), date_trunc('month', created_at)::date, "
                                     "(date_trunc('month', created_at) + interval '1 month')::date "
                                     "FROM usage_logs")) {
    database_.Execute("CREATE TABLE IF NOT EXISTS usage_logs_" + *month[0] +
                      " PARTITION OF usage_logs FOR VALUES FROM ('" + *month[1] + "') TO ('" +
                      *month[2] + "')");
  }
  const std::string columns = Columns("usage_logs");
  const std::string text = from.CopyOut("COPY (SELECT " + columns +
                                        " FROM usage_logs ORDER BY created_at, id) TO STDOUT");
  // The trigger walks over every version of a counter that its transaction made: keep them short.
  constexpr int kRowsPerTransaction = 500;
  const std::string copy = "COPY usage_logs (" + columns + ") FROM STDIN";
  std::size_t begin = 0;
  int rows = 0;
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos;) {
    ++at;  // COPY's text format escapes newlines in values: this one ends a row
    if (++rows % kRowsPerTransaction == 0) {
      database_.CopyIn(copy, text.substr(begin, at - begin));
      begin = at;
    }
  }
  if (begin < text.size()) database_.CopyIn(copy, text.substr(begin));
}

void Oracle::ExpectAgrees(Database& checked) {
  FeedRows(checked);
  ExpectSameLines("hour summaries and the oracle's", database_.Lines(kHourSummaries),
                  checked.Lines(kHourSummaries));
  ExpectSameLines("subscriptions and the oracle's", database_.Lines(kSubscriptions),
                  checked.Lines(kSubscriptions));
}

}  // namespace usage_ingest::support
