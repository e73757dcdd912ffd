#include "ingest/postgres/migrate/migration_plan.h"

#include "schema/check.h"

namespace usage_ingest::postgres::migrate {
namespace {

PlannedStatement::Kind ParseKind(std::string_view word) {
  using Kind = PlannedStatement::Kind;
  if (word == "run") return Kind::kRun;
  if (word == "concurrently") return Kind::kConcurrently;
  if (word == "try") return Kind::kTry;
  USAGE_INGEST_CHECK(word == "note");
  return Kind::kNote;
}

Result<> CreateShadow(blocking::SyncConnection& connection, const std::vector<int>& numbers) {
  // Unqualified names are created in, and looked up in, the temporary schema only.
  if (auto done = connection.Run("SET LOCAL search_path = pg_temp"); !done) return done;
  for (const int number : numbers) {
    const auto& declaration = Migrations()[static_cast<std::size_t>(number) - 1];
    USAGE_INGEST_CHECK(declaration.number == number);
    if (auto done = connection.Run(std::string(declaration.text)); !done) return done;
  }
  return {};
}

}  // namespace

Result<std::vector<PlannedStatement>> PlanStep(blocking::SyncConnection& connection,
                                               const MigrationStep& step) {
  auto transaction = blocking::SyncTransaction::Begin(connection);
  if (!transaction) return std::unexpected(transaction.error());
  if (!step.shadow.empty()) {
    if (auto done = CreateShadow(connection, step.shadow); !done) {
      return std::unexpected(done.error());
    }
  }
  auto rows = connection.Execute(std::string(step.migration.text));
  if (!rows) return std::unexpected(rows.error());
  std::vector<PlannedStatement> plan;
  plan.reserve(static_cast<std::size_t>(rows->count()));
  for (int i = 0; i < rows->count(); ++i) {
    plan.push_back({.kind = ParseKind(rows->text(i, 0)),
                    .sql = std::string(rows->text(i, 1)),
                    .remark = std::string(rows->text(i, 2))});
  }
  return plan;  // rolled back
}

}  // namespace usage_ingest::postgres::migrate
