#include "ingest/postgres/probe/grants.h"

#include <fmt/format.h>

#include <array>

#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::probe {
namespace {

using On = Privilege::On;

constexpr std::string_view kSpend = "optional: what subscriptions have spent";

constexpr std::array kPrivileges = {
    Privilege{On::kDatabase, "", "CONNECT", "", false, "a session"},
    Privilege{On::kDatabase, "", "TEMPORARY", "", false, "rows that may be duplicates are staged"},
    Privilege{On::kSchema, "public", "USAGE", "", false, "tables of LiteMaaS"},
    Privilege{On::kSchema, "usage_ingest", "USAGE", "", false, "tables of our own"},
    Privilege{On::kTable, "public.usage_logs", "SELECT, INSERT", "", false, "rows"},
    Privilege{On::kTable, "public.usage_summaries", "SELECT, INSERT, UPDATE", "", false, "sums"},
    Privilege{On::kTable, "public.subscriptions", "SELECT",
              "id, user_id, model_id, team_id, status, created_at, used_requests, used_tokens, "
              "quota_requests, quota_tokens",
              false, "attribution, quotas"},
    Privilege{On::kTable, "public.subscriptions", "UPDATE", "used_requests, used_tokens", false,
              "quota counters"},
    Privilege{On::kTable, "public.subscriptions", "SELECT", "current_spend", true, kSpend},
    Privilege{On::kTable, "public.subscriptions", "UPDATE", "current_spend", true, kSpend},
    Privilege{On::kTable, "public.users", "SELECT", "id", false, "attribution"},
    Privilege{On::kFunction, "usage_ingest.find_team(uuid, text)", "EXECUTE", "", false,
              "attribution"},
    Privilege{On::kTable, "public.api_keys", "SELECT",
              "id, user_id, team_id, subscription_id, key_hash", false, "attribution"},
    Privilege{On::kTable, "public.audit_logs", "INSERT", "", false, "`partitions skip`"},
    Privilege{On::kTable, "usage_ingest.migrations", "SELECT", "", false, "start-up check"},
    Privilege{On::kTable, "usage_ingest.quota_enforcement", "SELECT", "", false, "start-up check"},
    Privilege{On::kTable, "usage_ingest.kafka_offsets", "SELECT, INSERT, UPDATE, DELETE", "", false,
              "where each partition goes on"},
    Privilege{On::kTable, "usage_ingest.dead_letters", "SELECT, INSERT, UPDATE, DELETE", "", false,
              "events without a row"},
    Privilege{On::kTable, "usage_ingest.row_samples", "SELECT, INSERT, UPDATE, DELETE", "", false,
              "rows that disappear are noticed"},
    Privilege{On::kTable, "usage_ingest.pending_changes", "SELECT, INSERT, DELETE", "", false,
              "how many of those are pending"},
    Privilege{On::kTable, "usage_ingest.key_history", "SELECT, INSERT, UPDATE, DELETE", "", false,
              "attribution of rotated keys"},
    Privilege{On::kTable, "usage_ingest.replays", "SELECT, INSERT, UPDATE, DELETE", "", false,
              "what was read again"},
    Privilege{On::kTable, "usage_ingest.partitioning", "SELECT", "", false,
              "what a new partition covers"},
    Privilege{On::kTable, "usage_ingest.partition_indexes", "SELECT", "", false,
              "partitions that wait for their indexes"},
    Privilege{On::kTable, "usage_ingest.index_builds", "SELECT", "", false,
              "how long indexes took"},
    Privilege{On::kTable, "usage_ingest.retired_partitions", "SELECT", "", false,
              "months that no rebuild touches"},
    Privilege{On::kFunction, "usage_ingest.lock_parents(uuid[], uuid[], uuid[])", "EXECUTE", "",
              false, "rows' parents stay until commit"},
    Privilege{On::kTable, "usage_ingest.usage_daily", "SELECT, INSERT, UPDATE", "", false,
              "the history"},
    Privilege{On::kFunction, "usage_ingest.names_of_use(uuid, uuid, uuid, text)", "EXECUTE", "",
              false, "names in the history"},
    Privilege{On::kTable, "usage_ingest.quota_periods", "SELECT", "", false,
              "which period an event counts in"},
    Privilege{On::kTable, "usage_ingest.spend", "SELECT, INSERT, UPDATE", "", false,
              "what of current_spend is less than a cent"},
    Privilege{On::kFunction, "usage_ingest.note_key_use(uuid[], timestamptz[])", "EXECUTE", "",
              false, "when keys were used last"},
    Privilege{On::kFunction, "usage_ingest.fill_daily_usage_cache(date)", "EXECUTE", "", false,
              "LiteMaaS' analytics"},
    Privilege{On::kFunction, "usage_ingest.quota_periods_of(uuid[], timestamptz)", "EXECUTE", "",
              false, "which period an event counts in"},
    Privilege{On::kFunction, "usage_ingest.start_quota_periods(uuid[], bigint)", "EXECUTE", "",
              false, "counters start again from zero"},
    Privilege{On::kFunction, "usage_ingest.plan_quota_periods()", "EXECUTE", "", false,
              "when that is"},
    Privilege{On::kFunction, "usage_ingest.warn_of_quota(uuid, text, bigint)", "EXECUTE", "", false,
              "warnings at thresholds of quotas"},
    Privilege{On::kFunction, "usage_ingest.ensure_partition(date)", "EXECUTE", "", false,
              "partitions"},
    Privilege{On::kFunction, "usage_ingest.advance_dead_letter_ids()", "EXECUTE", "", false,
              "ids after a switch-over that did not carry sequences"},
    Privilege{On::kParameter, "session_replication_role", "SET", "", true,
              "optional: the fast path, COPY without row triggers and foreign keys"},
};

std::string_view Keyword(On on) {
  switch (on) {
    case On::kDatabase:
      return "DATABASE";
    case On::kSchema:
      return "SCHEMA";
    case On::kTable:
      return "TABLE";
    case On::kFunction:
      return "FUNCTION";
    case On::kParameter:
      return "PARAMETER";
  }
  return "";
}

}  // namespace

std::span<const Privilege> RequiredPrivileges() { return kPrivileges; }

std::string GrantStatement(const Privilege& privilege, std::string_view role,
                           std::string_view database) {
  return fmt::format("GRANT {}{} ON {} {} TO {}", privilege.privileges,
                     privilege.columns.empty() ? "" : fmt::format(" ({})", privilege.columns),
                     Keyword(privilege.on),
                     privilege.object.empty() ? blocking::QuoteIdentifier(database)
                                              : std::string(privilege.object),
                     blocking::QuoteIdentifier(role));
}

std::string GrantsFor(std::string_view role, std::string_view database) {
  std::string sql =
      "-- What usage-ingestd run needs; run as owner of the tables, the last one as "
      "superuser.\n";
  for (const Privilege& privilege : RequiredPrivileges()) {
    sql += fmt::format("{};  -- {}\n", GrantStatement(privilege, role, database), privilege.why);
  }
  return sql;
}

}  // namespace usage_ingest::postgres::probe
