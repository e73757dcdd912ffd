#include "ingest/postgres/probe/quota_state.h"

namespace usage_ingest::postgres::probe {
namespace {

using batch::QuotaEnforcement;

// The triggers that are there, which of them fire, and what migrate stored.
constexpr const char* kTriggers = R"sql(
SELECT seed.tgname IS NOT NULL, COALESCE(seed.tgenabled IN ('O', 'A'), false),
       own.tgname IS NOT NULL, COALESCE(own.tgenabled IN ('O', 'A'), false),
       COALESCE(pg_get_triggerdef(own.oid) LIKE '%(''seed'')', false),
       COALESCE(pg_get_triggerdef(own.oid) LIKE '%(''active-only'')', false),
       to_regclass('public.subscriptions') IS NOT NULL,
       to_regclass('usage_ingest.quota_enforcement') IS NOT NULL
  FROM (SELECT) AS always
  LEFT JOIN pg_trigger AS seed ON seed.tgrelid = to_regclass('public.subscriptions')
                              AND seed.tgname = 'enforce_subscription_quota'
  LEFT JOIN pg_trigger AS own ON own.tgrelid = to_regclass('public.subscriptions')
                             AND own.tgname = 'usage_ingest_quota')sql";
constexpr const char* kStored = "SELECT found, chosen, reason FROM usage_ingest.quota_enforcement";

QuotaState::Found FoundOf(std::string_view text) {
  if (text == "no table") return QuotaState::Found::kNoTable;
  return text == "trigger" ? QuotaState::Found::kTrigger : QuotaState::Found::kNoTrigger;
}

QuotaEnforcement EnforcementOf(std::string_view text) {
  for (const auto each : {QuotaEnforcement::kSeed, QuotaEnforcement::kActiveOnly}) {
    if (text == NameOf(each)) return each;
  }
  return QuotaEnforcement::kOff;
}

Result<> ReadStored(blocking::SyncConnection& connection, QuotaState& state) {
  auto stored = connection.Execute(kStored);
  if (!stored && connection.last_sqlstate() == "42501") return {};  // ProbePrivileges reports it
  if (!stored) return std::unexpected(stored.error());
  if (stored->count() == 0) return {};
  state.found = FoundOf(stored->text(0, 0));
  if (!stored->is_null(0, 1)) state.chosen = EnforcementOf(stored->text(0, 1));
  state.reason = stored->text(0, 2);
  return {};
}

}  // namespace

Result<QuotaState> ReadQuotaState(blocking::SyncConnection& connection) {
  auto triggers = connection.Execute(kTriggers);
  if (!triggers) return std::unexpected(triggers.error());
  QuotaState state;
  state.seed_trigger_exists = triggers->boolean(0, 0);
  const bool seed_fires = triggers->boolean(0, 1);
  const bool own_fires = triggers->boolean(0, 3);
  if (triggers->boolean(0, 2) && own_fires) {
    state.own_trigger_mode = triggers->boolean(0, 5)   ? QuotaEnforcement::kActiveOnly
                             : triggers->boolean(0, 4) ? QuotaEnforcement::kSeed
                                                       : QuotaEnforcement::kOff;
  }
  if (seed_fires) {
    state.in_effect = QuotaEnforcement::kSeed;
  } else if (state.own_trigger_mode == QuotaEnforcement::kActiveOnly) {
    state.in_effect = QuotaEnforcement::kActiveOnly;
  }
  if (triggers->boolean(0, 6)) {
    state.found =
        state.seed_trigger_exists ? QuotaState::Found::kTrigger : QuotaState::Found::kNoTrigger;
  }
  if (!triggers->boolean(0, 7)) return state;
  if (auto done = ReadStored(connection, state); !done) return std::unexpected(done.error());
  return state;
}

QuotaChoice ChooseQuotaEnforcement(QuotaEnforcement configured, QuotaState::Found found) {
  if (configured != QuotaEnforcement::kAuto) return {configured, "quotas.enforce sets it"};
  switch (found) {
    case QuotaState::Found::kNoTable:
      return {QuotaEnforcement::kSeed, "migrate created the tables as the seed describes them"};
    case QuotaState::Found::kTrigger:
      return {QuotaEnforcement::kSeed,
              "the seed's trigger enforce_subscription_quota was there before migrate"};
    case QuotaState::Found::kNoTrigger:
      break;
  }
  return {QuotaEnforcement::kActiveOnly, "subscriptions had no quota trigger before migrate"};
}

}  // namespace usage_ingest::postgres::probe
