#include "ingest/postgres/migrate/migration_partitioning.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "ingest/postgres/migrate/migration_partitioning_sql.h"
#include "ingest/postgres/migrate/migration_runner.h"

namespace usage_ingest::postgres::migrate {
namespace {

constexpr const char* kCreateKey =
    "CREATE UNIQUE INDEX CONCURRENTLY usage_ingest_usage_logs_key ON public.usage_logs (id, "
    "created_at)";
constexpr const char* kDropKey =
    "DROP INDEX CONCURRENTLY IF EXISTS public.usage_ingest_usage_logs_key";
constexpr const char* kDropBound =
    "ALTER TABLE public.usage_logs DROP CONSTRAINT IF EXISTS usage_ingest_bound";
constexpr const char* kCheckBound =
    "ALTER TABLE public.usage_logs VALIDATE CONSTRAINT usage_ingest_bound";

struct State {
  bool has_key;
  bool key_is_broken;  // an interrupted build
  bool has_bound;
  bool bound_is_checked;
  std::string end;  // of the bound, "" without
  bool end_is_far;
  bool has_rows;
  std::int64_t rows_estimate;
};

Result<State> ReadState(blocking::SyncConnection& connection) {
  auto rows = connection.Execute(sql::kPartitioningState);
  if (!rows) return std::unexpected(rows.error());
  const bool has_key = rows->boolean(0, 0);
  return State{.has_key = has_key,
               .key_is_broken = !has_key && rows->boolean(0, 1),
               .has_bound = rows->boolean(0, 2),
               .bound_is_checked = rows->boolean(0, 3),
               .end = std::string(rows->text(0, 4)),
               .end_is_far = rows->boolean(0, 5),
               .has_rows = rows->boolean(0, 6),
               .rows_estimate = rows->number(0, 7)};
}

Result<bool> IsPlainTable(blocking::SyncConnection& connection) {
  auto rows = connection.Execute(
      "SELECT relkind = 'r' FROM pg_class WHERE oid = to_regclass('public.usage_logs')");
  if (!rows) return std::unexpected(rows.error());
  return rows->count() == 1 && rows->boolean(0, 0);
}

std::string AddBound(std::string_view end) {
  return fmt::format(
      "ALTER TABLE public.usage_logs ADD CONSTRAINT usage_ingest_bound CHECK (id IS NOT NULL AND "
      "created_at IS NOT NULL AND created_at < '{}') NOT VALID",
      end);
}

std::string Swap(std::string_view end) {
  std::string text = sql::kPartitioningSwap;
  constexpr std::string_view kPlaceholder = "{0}";
  return text.replace(text.find(kPlaceholder), kPlaceholder.size(), end);
}

Result<> BuildKey(blocking::SyncConnection& connection, MigrationRunner& runner,
                  const State& state) {
  if (state.has_key) return {};
  if (state.key_is_broken) {
    if (auto done = runner.RunConcurrently(kDropKey); !done) return done;
  }
  fmt::print(runner.out(), "usage_logs: building the key (id, created_at) beside its writers\n");
  auto done = runner.RunConcurrently(kCreateKey);
  if (!done && connection.last_sqlstate() == "23505") {
    return Fail(ErrorCode::kFatal,
                "public.usage_logs holds an id twice: SELECT id, created_at, count(*) FROM "
                "public.usage_logs GROUP BY 1, 2 HAVING count(*) > 1; remove one of each, then run "
                "migrate again");
  }
  return done;
}

// The end of the old table's partition. From here to the swap rows beyond it would be refused, so
// it lies a month or two ahead and a later run sets it again.
Result<std::string> SetBound(blocking::SyncConnection& connection, MigrationRunner& runner,
                             const State& state) {
  std::string end = state.end;
  if (!state.has_bound || !state.end_is_far) {
    const auto chosen = connection.ReadText(sql::kPartitioningEnd);
    if (!chosen) return std::unexpected(chosen.error());
    end = *chosen;
    auto done =
        runner.RunTransaction("usage_logs", fmt::format("{}; {}", kDropBound, AddBound(end)));
    if (!done) return std::unexpected(done.error());
  }
  if (state.has_bound && state.end_is_far && state.bound_is_checked) return end;
  fmt::print(runner.out(), "usage_logs: checking its rows beside its writers\n");
  auto done = runner.RunConcurrently(kCheckBound);
  if (!done && connection.last_sqlstate() == "23514") {
    return Fail(ErrorCode::kFatal,
                "public.usage_logs has rows without id or created_at, which a partitioned table "
                "cannot hold: UPDATE public.usage_logs SET created_at = ... WHERE created_at IS "
                "NULL, then run migrate again");
  }
  if (!done) return std::unexpected(done.error());
  return end;
}

// Foreign keys that were never checked would be checked by ATTACH, under its locks.
Result<> CheckForeignKeys(blocking::SyncConnection& connection, MigrationRunner& runner) {
  auto rows = connection.Execute(
      "SELECT format('ALTER TABLE public.usage_logs VALIDATE CONSTRAINT %I', conname) FROM "
      "pg_constraint WHERE conrelid = 'public.usage_logs'::regclass AND contype = 'f' AND NOT "
      "convalidated");
  if (!rows) return std::unexpected(rows.error());
  for (int i = 0; i < rows->count(); ++i) {
    if (auto done = runner.RunConcurrently(std::string(rows->text(i, 0))); !done) return done;
  }
  return {};
}

}  // namespace

Result<std::string> FindPartitioningObstacles(blocking::SyncConnection& connection) {
  const auto plain = IsPlainTable(connection);
  if (!plain) return std::unexpected(plain.error());
  if (!*plain) return std::string();
  auto rows = connection.Execute(sql::kPartitioningObstacles);
  if (!rows) return std::unexpected(rows.error());
  std::string text;
  for (int i = 0; i < rows->count(); ++i) {
    text +=
        fmt::format("\n  public.usage_logs is not partitioned, and cannot be made so: {}; fix: {};",
                    rows->text(i, 0), rows->text(i, 1));
  }
  return text;
}

Result<> PartitionUsageLogs(blocking::SyncConnection& connection, MigrationRunner& runner) {
  const auto plain = IsPlainTable(connection);
  if (!plain) return std::unexpected(plain.error());
  if (!*plain) return {};
  // Another session may have changed the table since the check before the first step.
  const auto obstacles = FindPartitioningObstacles(connection);
  if (!obstacles) return std::unexpected(obstacles.error());
  if (!obstacles->empty()) return Fail(ErrorCode::kFatal, *obstacles);
  const auto state = ReadState(connection);
  if (!state) return std::unexpected(state.error());
  if (auto done = BuildKey(connection, runner, *state); !done) return done;
  if (auto done = CheckForeignKeys(connection, runner); !done) return done;
  const auto end = SetBound(connection, runner, *state);
  if (!end) return std::unexpected(end.error());
  auto done = runner.RunTransaction("usage_logs", Swap(*end));
  if (done) {
    fmt::print(runner.out(), "usage_logs: partitioned; its rows until {} are one partition\n",
               *end);
    return {};
  }
  return Fail(done.error().code,
              fmt::format("{}\nuntil migrate is run again or {}, rows from {} on are refused",
                          done.error().context, kDropBound, *end));
}

Result<> DescribePartitioning(blocking::SyncConnection& connection, std::ostream& out) {
  const auto plain = IsPlainTable(connection);
  if (!plain) return std::unexpected(plain.error());
  if (!*plain) {
    fmt::print(out, "-- nothing to do: usage_logs is partitioned, or comes partitioned\n\n");
    return {};
  }
  const auto state = ReadState(connection);
  if (!state) return std::unexpected(state.error());
  const auto end = connection.ReadText(sql::kPartitioningEnd);
  if (!end) return std::unexpected(end.error());
  fmt::print(out, "-- about {} rows\n", std::max<std::int64_t>(state->rows_estimate, 0));
  if (!state->has_key) fmt::print(out, "-- SHARE UPDATE EXCLUSIVE\n{};\n", kCreateKey);
  fmt::print(out, "-- ACCESS EXCLUSIVE, milliseconds\n{};\n", AddBound(*end));
  fmt::print(out, "-- SHARE UPDATE EXCLUSIVE\n{};\n", kCheckBound);
  fmt::print(
      out,
      "-- ACCESS EXCLUSIVE on usage_logs, SHARE ROW EXCLUSIVE on subscriptions, api_keys and "
      "teams, milliseconds{};\n\n",
      Swap(*end));
  return {};
}

}  // namespace usage_ingest::postgres::migrate
