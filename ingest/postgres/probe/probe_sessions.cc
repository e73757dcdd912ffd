// What the probe checks of sessions: a daemon that gets too few leaves partitions unwritten.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "ingest/postgres/probe/probe_checks.h"

namespace usage_ingest::postgres::probe {
namespace {

// Beside the writers: housekeeping for all the time; now and then the retry of dead letters, the
// stored offsets, and the session that ends a stopped process.
constexpr std::int64_t kLasting = 1;
constexpr std::int64_t kShort = 3;

// The limits of this session's role, database and server (-1: none), and how many sessions others
// have there. A superuser is bound by max_connections only. reserved_connections is of PostgreSQL
// 16. The daemon's own sessions count as free: it may run while it is checked.
constexpr const char* kRoom = R"sql(
WITH me AS (
    SELECT r.rolname, r.rolsuper, r.rolconnlimit, d.datname, d.datconnlimit
      FROM pg_roles AS r, pg_database AS d
     WHERE r.rolname = session_user AND d.datname = current_database()
), others AS (
    SELECT a.usename, a.datname
      FROM pg_stat_activity AS a, me
     WHERE a.backend_type = 'client backend'
       AND NOT (a.usename = me.rolname AND a.application_name LIKE 'usage-ingestd/%')
)
SELECT CASE WHEN rolsuper THEN -1 ELSE rolconnlimit END,
       (SELECT count(*) FROM others WHERE others.usename = me.rolname),
       CASE WHEN rolsuper THEN -1 ELSE datconnlimit END,
       (SELECT count(*) FROM others WHERE others.datname = me.datname),
       current_setting('max_connections')::int
       - CASE WHEN rolsuper THEN 0
              ELSE current_setting('superuser_reserved_connections')::int
                   + COALESCE(current_setting('reserved_connections', true), '0')::int END,
       (SELECT count(*) FROM others),
       quote_ident(rolname), quote_ident(datname)
  FROM me)sql";

struct Limit {
  std::string where;
  std::string setting;
  std::int64_t sessions;   // -1: no limit
  std::int64_t of_others;  // that have one now
  std::string fix;
};

std::optional<Finding> Check(const Limit& limit, std::int64_t writers) {
  if (limit.sessions < 0) return std::nullopt;
  const std::int64_t needed = writers + kLasting + kShort;
  const std::string need =
      fmt::format("a daemon with {} writers needs {} sessions", writers, needed);
  if (limit.sessions < needed) {
    return Finding{
        {.what = fmt::format("{}, and {} permits {}", need, limit.setting, limit.sessions),
         .where = limit.where,
         .fix = limit.fix},
        limit.sessions < writers + kLasting ? Severity::kFatal : Severity::kWarning};
  }
  const std::int64_t left = std::max(limit.sessions - limit.of_others, std::int64_t{0});
  if (left >= needed) return std::nullopt;
  return Finding{{.what = fmt::format("{}, and {} leaves {} now: others have {} of {}", need,
                                      limit.setting, left, limit.of_others, limit.sessions),
                  .where = limit.where,
                  .fix = limit.fix},
                 Severity::kWarning};
}

}  // namespace

Result<> ProbeSessions(blocking::SyncConnection& connection, std::size_t writers,
                       ProbeReport& report) {
  if (writers == 0) return {};
  auto room = connection.Execute(kRoom);
  if (!room) return std::unexpected(room.error());
  if (room->count() == 0) return {};
  const auto needed = static_cast<std::int64_t>(writers) + kLasting + kShort;
  const std::string_view role = room->text(0, 6);
  const std::string_view database = room->text(0, 7);
  const Limit limits[] = {
      {fmt::format("role {}", role), "its CONNECTION LIMIT", room->number(0, 0), room->number(0, 1),
       fmt::format("ALTER ROLE {} CONNECTION LIMIT {}", role, needed + room->number(0, 1))},
      {fmt::format("database {}", database), "its CONNECTION LIMIT", room->number(0, 2),
       room->number(0, 3),
       fmt::format("ALTER DATABASE {} CONNECTION LIMIT {}", database, needed + room->number(0, 3))},
      {"server", "max_connections without the reserved ones", room->number(0, 4),
       room->number(0, 5),
       "increase max_connections, or lower postgres.writers; each daemon needs its own sessions"}};
  for (const Limit& limit : limits) {
    if (auto finding = Check(limit, static_cast<std::int64_t>(writers))) {
      report.findings.push_back(std::move(*finding));
    }
  }
  return {};
}

}  // namespace usage_ingest::postgres::probe
