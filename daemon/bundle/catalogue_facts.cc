#include "daemon/bundle/catalogue_facts.h"

#include <array>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/text/text_table.h"
#include "ingest/postgres/session/session_setup.h"
#include "schema/limits.h"

namespace usage_ingest::bundle {
namespace {

using postgres::session::SettingScope;

struct Question {
  std::string_view title;
  const char* sql;
};

// Our schema, and the tables of LiteMaaS that the daemon reads or writes.
constexpr std::array kQuestions = std::to_array<Question>({
    {"server", R"sql(
SELECT version(), current_database() AS database, current_user AS role,
       pg_is_in_recovery() AS standby, pg_encoding_to_char(encoding) AS encoding,
       pg_size_pretty(pg_database_size(oid)) AS size
  FROM pg_database WHERE datname = current_database())sql"},
    {"role", R"sql(
SELECT rolname, rolsuper, rolcreaterole, rolbypassrls, rolreplication, rolconnlimit,
       ARRAY(SELECT b.roleid::regrole FROM pg_auth_members AS b WHERE b.member = r.oid) AS member_of
  FROM pg_roles AS r WHERE rolname = current_user)sql"},
    {"settings", R"sql(
SELECT name, setting, unit, source
  FROM pg_settings
 WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections',
                'shared_buffers', 'work_mem', 'maintenance_work_mem', 'max_wal_size',
                'checkpoint_timeout', 'synchronous_commit', 'wal_level', 'fsync',
                'full_page_writes', 'max_locks_per_transaction', 'deadlock_timeout',
                'idle_in_transaction_session_timeout', 'statement_timeout', 'lock_timeout',
                'session_replication_role', 'row_security', 'search_path', 'TimeZone',
                'lc_messages', 'autovacuum', 'server_version', 'transaction_read_only',
                'default_transaction_isolation', 'max_prepared_transactions')
 ORDER BY name)sql"},
    {"sessions", R"sql(
SELECT application_name, state, wait_event_type, wait_event, count(*),
       max(extract(epoch FROM now() - xact_start))::int AS longest_transaction_seconds
  FROM pg_stat_activity WHERE datname = current_database()
 GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1, 2, 3, 4 LIMIT 50)sql"},
    {"migrations", "SELECT * FROM usage_ingest.migrations ORDER BY 1"},
    {"tables", R"sql(
SELECT c.oid::regclass AS name, c.relkind AS kind, pg_get_userbyid(c.relowner) AS owner,
       pg_size_pretty(pg_total_relation_size(c.oid)) AS size, c.reltuples::bigint AS about_rows,
       s.n_dead_tup AS dead_rows, s.last_autovacuum, s.last_autoanalyze, c.relrowsecurity
  FROM pg_class AS c LEFT JOIN pg_stat_user_tables AS s ON s.relid = c.oid
 WHERE c.relnamespace IN (to_regnamespace('usage_ingest'), to_regnamespace('public'))
   AND c.relkind IN ('r', 'p')
 ORDER BY pg_total_relation_size(c.oid) DESC, 1 LIMIT 300)sql"},
    {"columns of usage_logs", R"sql(
SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, a.atthasdef
  FROM pg_attribute AS a
 WHERE a.attrelid = to_regclass('public.usage_logs') AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attnum)sql"},
    {"partitions of usage_logs", R"sql(
SELECT c.oid::regclass AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds,
       pg_size_pretty(usage_ingest.bytes_of_partition(c.oid)) AS size,
       c.reltuples::bigint AS about_rows
  FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
 WHERE i.inhparent = to_regclass('public.usage_logs')
 ORDER BY 2 LIMIT 300)sql"},
    {"indexes", R"sql(
SELECT i.indexrelid::regclass AS name, i.indrelid::regclass AS table_name, i.indisunique AS unique,
       i.indisvalid AS valid, pg_size_pretty(pg_relation_size(i.indexrelid)) AS size,
       s.idx_scan AS scans
  FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
  LEFT JOIN pg_stat_user_indexes AS s ON s.indexrelid = i.indexrelid
 WHERE c.relnamespace IN (to_regnamespace('usage_ingest'), to_regnamespace('public'))
 ORDER BY pg_relation_size(i.indexrelid) DESC, 1 LIMIT 300)sql"},
    {"triggers", R"sql(
SELECT t.tgrelid::regclass AS table_name, t.tgname AS name, t.tgenabled AS enabled,
       t.tgfoid::regproc AS function, pg_get_userbyid(p.proowner) AS owner
  FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_proc AS p ON p.oid = t.tgfoid
 WHERE NOT t.tgisinternal
   AND c.relnamespace IN (to_regnamespace('usage_ingest'), to_regnamespace('public'))
 ORDER BY 1, 2 LIMIT 300)sql"},
    {"constraints", R"sql(
SELECT conrelid::regclass AS table_name, conname AS name, contype AS type,
       convalidated AS validated, condeferrable AS deferrable
  FROM pg_constraint
 WHERE conrelid <> 0 AND conparentid = 0
   AND connamespace IN (to_regnamespace('usage_ingest'), to_regnamespace('public'))
 ORDER BY 1, 2 LIMIT 300)sql"},
    {"dead letters", R"sql(
SELECT reason, state, count(*), min(first_seen_at) AS first, max(first_seen_at) AS last
  FROM usage_ingest.dead_letters GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2)sql"},
    {"offsets", R"sql(
SELECT group_id, topic, count(*) AS partitions, sum(gap_records) AS lost_records,
       max(updated_at) AS last
  FROM usage_ingest.kafka_offsets GROUP BY 1, 2 ORDER BY 1, 2)sql"},
});

void PrintRows(const postgres::blocking::SyncRows& rows, std::ostream& out) {
  std::vector<text::TextTable::Column> columns;
  const int fields = PQnfields(rows.result());
  for (int field = 0; field < fields; ++field) {
    columns.push_back({PQfname(rows.result(), field), text::TextTable::Align::kLeft});
  }
  text::TextTable table(std::move(columns));
  for (int row = 0; row < rows.count(); ++row) {
    std::vector<std::string> cells;
    for (int field = 0; field < fields; ++field) {
      cells.emplace_back(rows.is_null(row, field) ? "-" : rows.text(row, field));
    }
    table.AddRow(std::move(cells));
  }
  table.Print(out);
}

}  // namespace

void PrintCatalogueFacts(postgres::blocking::SyncConnection& connection, std::ostream& out) {
  // ignored because the questions fail, too
  static_cast<void>(connection.Execute(
      postgres::session::SetLockTimeout(limits::kLockTimeoutBundle, SettingScope::kSession) + "; " +
      postgres::session::SetStatementTimeout(limits::kStatementTimeoutBundle)));
  for (const Question& question : kQuestions) {
    out << "-- " << question.title << '\n';
    const auto rows = connection.Execute(question.sql);
    if (rows) {
      PrintRows(*rows, out);
    } else {
      out << "not known: " << rows.error().context << '\n';
    }
  }
}

}  // namespace usage_ingest::bundle
