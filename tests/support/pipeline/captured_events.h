#pragma once
// Captured events: what LiteLLM's own proxy published, record by record, and the LiteMaaS
// installation that they belong to.
//
// Source        tests/data/litellm/ (never edited); users, teams and keys as README.md there says.
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/postgres/database.h"

namespace usage_ingest::support {

struct CapturedEvent {
  std::string scenario;
  std::int64_t timestamp_ms = 0;
  std::string key;  // of the Kafka record
  std::string value;
};

[[nodiscard]] std::vector<CapturedEvent> CapturedEvents();

// Users, teams and keys of the captured events, and an active subscription of every user to every
// model that they name, with quotas that are never reached. REQUIRES: a migrated database.
void SeedCaptured(Database& database);

}  // namespace usage_ingest::support
