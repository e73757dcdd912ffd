#include "tests/support/pipeline/totals.h"

#include <gtest/gtest.h>

#include "schema/request_marks.h"
#include "tests/support/compare.h"

namespace usage_ingest::support {
namespace {

const std::string kRows = "(SELECT l.*, " + IsRequestSql() + " AS is_request FROM usage_logs l) l";

const std::string kCountersBesideRows =
    "SELECT s.id, coalesce(s.used_requests, 0) - count(l.id) FILTER (WHERE l.is_request), "
    "coalesce(s.used_tokens, 0) - coalesce(sum(l.total_tokens), 0) "
    "FROM subscriptions s LEFT JOIN " +
    kRows + " ON l.subscription_id = s.id GROUP BY s.id, s.used_requests, s.used_tokens";

// What usage_summaries must be, from the rows (INV-2).
const std::string kAggregates =
    "SELECT l.subscription_id, l.model_id, p.type, date_trunc(p.type, l.created_at, 'UTC'), "
    "count(*) FILTER (WHERE is_request), sum(l.total_tokens), "
    "count(*) FILTER (WHERE is_request AND l.status_code >= 400), "
    "round(avg(l.latency_ms) FILTER (WHERE is_request)), "
    "coalesce(sum(l.latency_ms) FILTER (WHERE is_request), 0), "
    "count(l.latency_ms) FILTER (WHERE is_request), "
    "sum(l.request_tokens), sum(l.response_tokens), sum(l.total_cost)::numeric(18, 6) FROM " +
    kRows + ", (VALUES ('hour'), ('day'), ('month')) p(type) GROUP BY 1, 2, 3, 4";
constexpr char kSummaries[] =
    "SELECT subscription_id, model_id, period_type, period_start, request_count, total_tokens, "
    "error_count, avg_latency_ms, latency_ms_sum, latency_count, request_tokens, response_tokens, "
    "total_cost FROM usage_summaries";

// What usage_daily must be at least (INV-10). Keys and teams are left out: rows forget them.
const std::string kDays =
    "SELECT (l.created_at AT TIME ZONE 'UTC')::date, l.subscription_id, l.model_id, "
    "count(*) FILTER (WHERE is_request), count(*) FILTER (WHERE is_request AND l.status_code >= "
    "400), sum(l.request_tokens), sum(l.response_tokens), "
    "coalesce(sum((l.metadata->>'cached_tokens')::bigint), 0), "
    "coalesce(sum((l.metadata->>'reasoning_tokens')::bigint), 0), "
    "sum(l.total_cost)::numeric(18, 6), coalesce(sum(l.latency_ms) FILTER (WHERE is_request), 0), "
    "count(l.latency_ms) FILTER (WHERE is_request) FROM " +
    kRows + " GROUP BY 1, 2, 3";
constexpr char kHistory[] =
    "SELECT day, subscription_id, model_id, sum(requests), sum(errors), sum(input_tokens), "
    "sum(output_tokens), sum(cached_tokens), sum(reasoning_tokens), sum(cost), "
    "sum(latency_ms_sum), sum(latency_count) FROM usage_ingest.usage_daily AS h "
    "WHERE EXISTS (SELECT FROM subscriptions AS s WHERE s.id = h.subscription_id) "
    "GROUP BY 1, 2, 3";

std::string OffsetsOf(const ExpectedTotals& expected, const std::string& what) {
  return "SELECT coalesce(sum(" + what +
         "), 0) FROM usage_ingest.kafka_offsets WHERE group_id = '" + expected.group + "'";
}

void ExpectSum(Database& database, const ExpectedTotals& expected, const std::string& column,
               std::optional<std::int64_t> value) {
  if (!value) return;
  EXPECT_EQ(database.Number(OffsetsOf(expected, column)), *value) << column;
}

std::optional<std::int64_t> NextOffset(Database& database, const ExpectedTotals& expected,
                                       const std::pair<std::string, std::int32_t>& partition) {
  const std::vector<Row> rows = database.Query(
      "SELECT next_offset FROM usage_ingest.kafka_offsets "
      "WHERE group_id = $1 AND topic = $2 AND partition = $3::int",
      {expected.group, partition.first, std::to_string(partition.second)});
  if (rows.empty()) return std::nullopt;
  return std::stoll(*rows[0][0]);
}

}  // namespace

Totals::Totals(Database& database) : counters_beside_rows_(database.Lines(kCountersBesideRows)) {}

bool Totals::CaughtUp(Database& database, const ExpectedTotals& expected, KafkaAdmin& kafka) {
  for (const auto& [partition, count] : expected.records) {
    if (NextOffset(database, expected, partition) !=
        kafka.EndOffset(partition.first, partition.second)) {
      return false;
    }
  }
  return true;
}

void Totals::ExpectMatch(Database& database, KafkaAdmin& kafka, const ExpectedTotals& expected,
                         std::chrono::seconds timeout) {
  const bool caught_up =
      WaitUntil(After(timeout), [&] { return CaughtUp(database, expected, kafka); });
  EXPECT_TRUE(caught_up) << "not everything was ingested in time";
  ExpectOffsetsAccountFor(database, expected);
  ExpectRows(database, expected);
  ExpectSummariesExact(database);
  ExpectHistoryExact(database);
  ExpectCountersExact(database);
  ExpectKafkaFollows(database, kafka, expected);
}

void Totals::ExpectOffsetsAccountFor(Database& database, const ExpectedTotals& expected) {
  ExpectSameLines("partitions whose outcomes do not add up to their events (INV-1)", {},
                  database.Lines("SELECT topic, partition, events, inserted, duplicates, "
                                 "dead_lettered, skipped FROM usage_ingest.kafka_offsets WHERE "
                                 "events <> inserted + duplicates + dead_lettered + skipped"));
  std::int64_t produced = 0;
  for (const auto& [partition, count] : expected.records) produced += count;
  ExpectSum(database, expected, "records", produced - expected.gap_records);
  ExpectSum(database, expected, "events",
            expected.events.value_or(produced - expected.gap_records));
  ExpectSum(database, expected, "gap_records", expected.gap_records);
  ExpectSum(database, expected, "inserted", expected.inserted);
  ExpectSum(database, expected, "duplicates", expected.duplicates);
  ExpectSum(database, expected, "dead_lettered", expected.dead_lettered);
  ExpectSum(database, expected, "skipped", expected.skipped);
}

void Totals::ExpectRows(Database& database, const ExpectedTotals& expected) {
  EXPECT_EQ(database.Number("SELECT count(*) FROM usage_logs"),
            database.Number(OffsetsOf(expected, "inserted")) + expected.rows_from_elsewhere)
      << "rows of usage_logs (INV-4)";
  EXPECT_EQ(database.Number("SELECT count(*) FROM usage_ingest.dead_letters "
                            "WHERE topic NOT LIKE 'import:%'"),
            database.Number(OffsetsOf(expected, "dead_lettered")))
      << "rows of dead_letters";
}

void Totals::ExpectSummariesExact(Database& database) {
  ExpectSameLines("summaries and the aggregate of the rows (INV-2)", database.Lines(kAggregates),
                  database.Lines(kSummaries));
}

void Totals::ExpectHistoryExact(Database& database) {
  ExpectSameLines("the history and the aggregate of the rows (INV-10)", database.Lines(kDays),
                  database.Lines(kHistory));
}

void Totals::ExpectCountersExact(Database& database) const {
  ExpectSameLines("counters less rows, before and now (INV-3)", counters_beside_rows_,
                  database.Lines(kCountersBesideRows));
}

void Totals::ExpectKafkaFollows(Database& database, KafkaAdmin& kafka,
                                const ExpectedTotals& expected) {
  for (const auto& [partition, count] : expected.records) {
    const auto committed = kafka.Committed(expected.group, partition.first, partition.second);
    if (!committed) continue;  // nothing committed yet: behind, which is all that INV-7 asks
    EXPECT_LE(*committed, NextOffset(database, expected, partition).value_or(0))
        << "Kafka's offset of " << partition.first << "/" << partition.second << " (INV-7)";
  }
}

}  // namespace usage_ingest::support
