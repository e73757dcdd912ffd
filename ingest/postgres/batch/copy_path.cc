#include "ingest/postgres/batch/copy_path.h"

#include <algorithm>
#include <string_view>

namespace usage_ingest::postgres::batch {

// A partition has copies of its parent's triggers (tgparentid). A copy is looked at only if it was
// enabled or disabled by itself: the one of the partition decides. A function that adds to
// summaries or counters sums up, whatever its name; the guard counts when nothing can open it.
// CREATE OR REPLACE resets ENABLE ALWAYS and ENABLE REPLICA, and refuses a copy.
const char* const kAskCopyPath = R"sql(
WITH guard(text) AS (
    VALUES ('(current_setting(''usage_ingest.aggregating''::text, true) IS DISTINCT FROM '
            '''on''::text)')
), triggers AS (
  SELECT t.tgrelid, t.tgname, t.tgenabled,
         p.proname = 'update_usage_summary'
           OR p.prosrc ~* '(insert\s+into|update)\s+(only\s+)?(public\.)?usage_summaries\M'
           OR p.prosrc ~* '\mused_(requests|tokens)\s*=' AS sums_up,
         strpos(definition, ' WHEN (' || guard.text || ')') > 0
           OR strpos(definition, ' WHEN ((' || guard.text || ' AND ') > 0 AS steps_aside,
         CASE WHEN t.tgparentid <> 0
              THEN format('ALTER TABLE %s DISABLE TRIGGER %I', t.tgrelid::regclass, t.tgname)
              WHEN p.proname = 'update_usage_summary'
              THEN format('CREATE OR REPLACE TRIGGER %I AFTER INSERT ON %s FOR EACH ROW WHEN %s '
                          'EXECUTE FUNCTION public.update_usage_summary()',
                          t.tgname, t.tgrelid::regclass, guard.text)
              WHEN strpos(definition, ' WHEN (') = 0
              THEN regexp_replace(replace(definition, ' EXECUTE FUNCTION ',
                                          format(' WHEN %s EXECUTE FUNCTION ', guard.text)),
                                  '^CREATE ', 'CREATE OR REPLACE ')
              ELSE regexp_replace(regexp_replace(definition, ' WHEN \((.*)\) EXECUTE FUNCTION ',
                                                 format(' WHEN (%s AND (\1)) EXECUTE FUNCTION ',
                                                        guard.text)),
                                  '^CREATE ', 'CREATE OR REPLACE ') END
         || CASE WHEN t.tgparentid = 0 AND t.tgenabled <> 'O'
                 THEN format('; ALTER TABLE %s ENABLE %s TRIGGER %I', t.tgrelid::regclass,
                             CASE t.tgenabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END, t.tgname)
                 ELSE '' END AS fix
    FROM pg_trigger AS t
    JOIN pg_proc AS p ON p.oid = t.tgfoid
   CROSS JOIN LATERAL pg_get_triggerdef(t.oid) AS definition
   CROSS JOIN guard
   WHERE t.tgrelid IN (SELECT relid FROM pg_partition_tree('public.usage_logs'))
     AND NOT t.tgisinternal AND t.tgenabled <> 'D'
     AND NOT EXISTS (SELECT FROM pg_trigger AS of_parent
                      WHERE of_parent.oid = t.tgparentid AND of_parent.tgenabled = t.tgenabled)
     AND t.tgtype & 4 <> 0  -- INSERT (PostgreSQL source, pg_trigger.h)
)
SELECT has_parameter_privilege(current_user, 'session_replication_role', 'SET')::text,
       tgname::text, tgrelid::regclass::text, quote_ident(tgname), sums_up::text,
       steps_aside::text, fix, (tgenabled IN ('O', 'A'))::text, (tgenabled IN ('A', 'R'))::text
  FROM (SELECT) AS always LEFT JOIN triggers ON true
 ORDER BY tgrelid, tgname)sql";

// A trigger that is made, dropped, enabled or disabled changes a row of pg_trigger; a table that is
// attached brings its triggers with it. A column that is dropped has another name.
const char* const kAskCopyPathVersion = R"sql(
SELECT md5(coalesce(string_agg(oid || ' ' || xmin, ',' ORDER BY oid), ''))
       || (SELECT count(*) FROM pg_inherits)
       || coalesce((SELECT ' ' || xmin FROM pg_attribute
                     WHERE attrelid = 'public.subscriptions'::regclass
                       AND attname = 'current_spend'), '')
  FROM pg_trigger WHERE NOT tgisinternal)sql";

bool UsageLogTrigger::counts_twice() const {
  return fires_with_constraints && sums_up && !steps_aside;
}

bool UsageLogTrigger::needs_constraints() const {
  return !sums_up || (fires_without_constraints && !steps_aside);
}

bool CopyPath::may_skip_constraints() const {
  return role_may_skip && std::ranges::none_of(triggers, &UsageLogTrigger::needs_constraints);
}

const UsageLogTrigger* CopyPath::counts_twice() const {
  const auto found = std::ranges::find_if(triggers, &UsageLogTrigger::counts_twice);
  return found == triggers.end() ? nullptr : &*found;
}

CopyPath ReadCopyPath(const PGresult* result) {
  const auto text = [&](int row, int column) {
    return std::string(PQgetvalue(result, row, column));
  };
  CopyPath path;
  path.role_may_skip = text(0, 0) == "true";
  for (int row = 0; row < PQntuples(result); ++row) {
    if (PQgetisnull(result, row, 1) != 0) continue;
    path.triggers.push_back({.name = text(row, 1),
                             .table = text(row, 2),
                             .quoted_name = text(row, 3),
                             .sums_up = text(row, 4) == "true",
                             .steps_aside = text(row, 5) == "true",
                             .fires_with_constraints = text(row, 7) == "true",
                             .fires_without_constraints = text(row, 8) == "true",
                             .fix = text(row, 6)});
  }
  return path;
}

namespace {

std::unexpected<Error> CannotSkip(const CopyPath& path) {
  constexpr std::string_view kWanted = "postgres.foreign_keys is \"batch\", but ";
  if (!path.role_may_skip) {
    return Fail(ErrorCode::kFatal,
                std::string(kWanted) +
                    "this role may not set session_replication_role; fix: GRANT SET ON PARAMETER "
                    "session_replication_role to it as a superuser, or use \"auto\"");
  }
  const auto trigger = std::ranges::find_if(path.triggers, &UsageLogTrigger::needs_constraints);
  return Fail(ErrorCode::kFatal, std::string(kWanted) + "trigger " + trigger->name + " on " +
                                     trigger->table + " does not permit it; fix: use \"auto\"");
}

}  // namespace

Result<bool> SkipsConstraints(const CopyPath& path, ForeignKeys wanted) {
  const bool skips = wanted != ForeignKeys::kConstraints && path.may_skip_constraints();
  if (!skips && wanted == ForeignKeys::kBatch) return CannotSkip(path);
  const UsageLogTrigger* twice = path.counts_twice();
  // A trigger that is skipped adds nothing, and one that cannot be skipped needs constraints.
  if (!skips && twice != nullptr) {
    return Fail(ErrorCode::kUnavailable,
                "trigger " + twice->name + " on " + twice->table +
                    " would count each row a second time; fix: " + twice->fix);
  }
  return skips;
}

}  // namespace usage_ingest::postgres::batch
