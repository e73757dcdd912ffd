#include "ingest/postgres/probe/probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ingest/postgres/probe/probe_checks.h"
#include "schema/migrations.h"

namespace usage_ingest::postgres::probe {
namespace {

constexpr int kServerVersionMin = 150000;

}  // namespace

std::string Finding::ToLine() const {
  return (severity == Severity::kFatal ? "fatal: " : "warning: ") + usage_ingest::ToLine(*this);
}

void ProbeReport::Add(Severity severity, std::string where, std::string what, std::string fix) {
  findings.push_back(
      {{.what = std::move(what), .where = std::move(where), .fix = std::move(fix)}, severity});
}

bool ProbeReport::ok() const {
  return std::ranges::none_of(
      findings, [](const Finding& finding) { return finding.severity == Severity::kFatal; });
}

Result<bool> ProbeServer(blocking::SyncConnection& connection, ProbeReport& report) {
  report.facts.server_version = connection.server_version();
  if (report.facts.server_version < kServerVersionMin) {
    report.Add(Severity::kFatal, "server",
               fmt::format("PostgreSQL {} is too old", report.facts.server_version / 10000),
               "upgrade to PostgreSQL 15 or later");
    return false;
  }
  auto rows = connection.Execute(
      "SELECT current_setting('server_encoding'), pg_is_in_recovery(), current_database()");
  if (!rows) return std::unexpected(rows.error());
  if (rows->text(0, 0) != "UTF8") {
    report.Add(Severity::kFatal, fmt::format("database {}", rows->text(0, 2)),
               fmt::format("its encoding is {}, and events hold any text", rows->text(0, 0)),
               fmt::format("dump it and restore into CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE "
                           "template0",
                           blocking::QuoteIdentifier(rows->text(0, 2))));
    return false;
  }
  report.facts.in_recovery = rows->boolean(0, 1);
  if (report.facts.in_recovery) {
    report.Add(Severity::kWarning, "server",
               "it is a standby: nothing can be written until it is promoted",
               "connect with target_session_attrs=read-write");
  }
  return true;
}

Result<bool> ProbeMigrations(blocking::SyncConnection& connection, ProbeReport& report) {
  const Finding migrate{{.what = "the database is not migrated",
                         .where = "usage_ingest.migrations",
                         .fix = "run `usage-ingestd migrate`"},
                        Severity::kFatal};
  auto closed = connection.Execute(
      "SELECT nspname, quote_ident(current_user) FROM pg_namespace WHERE nspname IN ('public', "
      "'usage_ingest') AND NOT has_schema_privilege(oid, 'USAGE')");
  if (!closed) return std::unexpected(closed.error());
  for (int i = 0; i < closed->count(); ++i) {
    report.Add(Severity::kFatal, fmt::format("schema {}", closed->text(i, 0)),
               "this role may not look into it",
               fmt::format("GRANT USAGE ON SCHEMA {} TO {} (all that is needed: `usage-ingestd "
                           "migrate --print-grants {}`)",
                           closed->text(i, 0), closed->text(i, 1), closed->text(i, 1)));
  }
  if (closed->count() != 0) return false;
  auto table = connection.Execute("SELECT to_regclass('usage_ingest.migrations') IS NOT NULL");
  if (!table) return std::unexpected(table.error());
  if (!table->boolean(0, 0)) {
    report.findings.push_back(migrate);
    return false;
  }
  const int newest = Migrations().back().number;
  // The last one before the first that is missing.
  auto level = connection.Execute(fmt::format(
      "SELECT COALESCE(min(n) - 1, (SELECT max(number) FROM usage_ingest.migrations)) FROM "
      "generate_series(1, {}) AS n WHERE n NOT IN (SELECT number FROM usage_ingest.migrations)",
      newest));
  if (!level && connection.last_sqlstate() == "42501") return true;  // ProbePrivileges says it
  if (!level) return std::unexpected(level.error());
  report.facts.migration_level = static_cast<int>(level->number(0, 0));
  if (report.facts.migration_level < newest) {
    Finding finding = migrate;
    finding.what =
        fmt::format("the database is at migration {} of {}", report.facts.migration_level, newest);
    report.findings.push_back(finding);
    return false;
  }
  if (report.facts.migration_level > newest) {
    report.Add(Severity::kFatal, "usage_ingest.migrations",
               fmt::format("the database is at migration {}, this binary knows {}",
                           report.facts.migration_level, newest),
               "install the usage-ingestd that migrated it, or a newer one");
    return false;
  }
  return true;
}

Result<ProbeReport> ProbeDatabase(std::string_view conninfo, std::size_t writers) {
  ProbeReport report;
  auto connection = blocking::SyncConnection::Open(conninfo, "probe");
  if (!connection && connection.error().context == blocking::kTransactionPooling) {
    report.Add(Severity::kFatal, "postgres.conninfo", std::string(blocking::kTransactionPooling),
               "connect to PostgreSQL itself, or to a pool with pool_mode = session");
    return report;
  }
  if (!connection) return std::unexpected(connection.error());
  const auto server = ProbeServer(*connection, report);
  if (!server) return std::unexpected(server.error());
  if (!*server) return report;
  if (auto done = ProbeSessions(*connection, writers, report); !done) {
    return std::unexpected(done.error());
  }
  for (const auto check : {ProbeNode, ProbeSchema, ProbeMigrations, ProbeTables}) {
    const auto go_on = check(*connection, report);
    if (!go_on) return std::unexpected(go_on.error());
    if (!*go_on) return report;
  }
  for (const auto check : {ProbeUsageLogs, ProbeTriggers, ProbeSummaries, ProbeQuotas,
                           ProbePrivileges, ProbeIndexes, ProbeUntrustedRoles}) {
    if (auto done = check(*connection, report); !done) return std::unexpected(done.error());
  }
  if (auto done = ProbeCitus(*connection, writers, report); !done) {
    return std::unexpected(done.error());
  }
  return report;
}

}  // namespace usage_ingest::postgres::probe
