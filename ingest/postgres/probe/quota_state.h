#pragma once
// QuotaState: what suspends subscriptions in a database, what migrate chose, and what a
// configuration asks for.
//
// Source        docs/quotas.md, "Enforcement".
#include <optional>
#include <string>

#include "ingest/postgres/batch/quota_enforcement.h"
#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::probe {

struct QuotaState {
  enum class Found : unsigned char { kNoTable, kNoTrigger, kTrigger };
  Found found = Found::kNoTable;  // before the first migrate
  bool seed_trigger_exists = false;
  // Of trigger usage_ingest_quota; nullopt: there is none.
  std::optional<batch::QuotaEnforcement> own_trigger_mode;
  std::optional<batch::QuotaEnforcement> chosen;  // by the last migrate
  std::string reason;                             // of that choice
  batch::QuotaEnforcement in_effect = batch::QuotaEnforcement::kOff;
};

// Works before the first migrate, too.
[[nodiscard]] Result<QuotaState> ReadQuotaState(blocking::SyncConnection& connection);

struct QuotaChoice {
  batch::QuotaEnforcement enforcement;  // never kAuto
  std::string reason;
};
[[nodiscard]] QuotaChoice ChooseQuotaEnforcement(batch::QuotaEnforcement configured,
                                                 QuotaState::Found found);

}  // namespace usage_ingest::postgres::probe
