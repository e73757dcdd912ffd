#include "ingest/postgres/migrate/quota_triggers.h"

#include <fmt/format.h>
#include <fmt/ostream.h>

#include "ingest/postgres/probe/quota_state.h"

namespace usage_ingest::postgres::migrate {
namespace {

using batch::QuotaEnforcement;
using probe::QuotaChoice;
using probe::QuotaState;

constexpr const char* kCreateSeedTrigger =
    "CREATE TRIGGER enforce_subscription_quota BEFORE UPDATE ON public.subscriptions FOR EACH ROW "
    "WHEN (NEW.used_requests IS DISTINCT FROM OLD.used_requests OR NEW.used_tokens IS DISTINCT "
    "FROM OLD.used_tokens) EXECUTE FUNCTION public.check_subscription_quota();\n";

// Empty: the triggers are as they should be.
std::string TriggerStatements(const QuotaState& state, QuotaEnforcement wanted) {
  std::string sql;
  const bool seed_fires = state.in_effect == QuotaEnforcement::kSeed;
  if (wanted == QuotaEnforcement::kSeed && !state.seed_trigger_exists) {
    sql += kCreateSeedTrigger;
  } else if ((wanted == QuotaEnforcement::kSeed) != seed_fires) {
    sql += fmt::format("ALTER TABLE public.subscriptions {} TRIGGER enforce_subscription_quota;\n",
                       seed_fires ? "DISABLE" : "ENABLE");
  }
  if (state.own_trigger_mode != wanted) {
    sql += fmt::format(
        "CREATE OR REPLACE TRIGGER usage_ingest_quota BEFORE UPDATE ON public.subscriptions FOR "
        "EACH ROW EXECUTE FUNCTION usage_ingest.enforce_quota('{}');\n"
        "ALTER TABLE public.subscriptions ENABLE TRIGGER usage_ingest_quota;\n",
        NameOf(wanted));
  }
  return sql;
}

std::string StoreChoice(const blocking::SyncConnection& connection, const QuotaChoice& choice) {
  return fmt::format(
      "UPDATE usage_ingest.quota_enforcement SET chosen = '{}', reason = {}, "
      "chosen_at = clock_timestamp();\n",
      NameOf(choice.enforcement), connection.QuoteLiteral(choice.reason));
}

}  // namespace

Result<> SetQuotaTriggers(blocking::SyncConnection& connection, const MigrateOptions& options,
                          MigrationRunner& runner) {
  const auto state = probe::ReadQuotaState(connection);
  if (!state) return std::unexpected(state.error());
  const QuotaChoice choice = ChooseQuotaEnforcement(options.enforce_quotas, state->found);
  std::string sql = TriggerStatements(*state, choice.enforcement);
  if (!sql.empty() || state->chosen != choice.enforcement || state->reason != choice.reason) {
    sql += StoreChoice(connection, choice);
  }
  if (options.dry_run) {
    if (!sql.empty()) fmt::print(runner.out(), "-- quotas (transaction)\n{}", sql);
  } else if (!sql.empty()) {
    if (auto done = runner.RunTransaction("quota triggers", sql); !done) return done;
  }
  fmt::print(runner.out(), "{}quotas: mode \"{}\", because {} (quotas.enforce = \"{}\")\n",
             options.dry_run ? "-- " : "", NameOf(choice.enforcement), choice.reason,
             NameOf(options.enforce_quotas));
  return {};
}

}  // namespace usage_ingest::postgres::migrate
