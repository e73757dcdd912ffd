#pragma once
// SeedDatabase: puts a population into a migrated LiteMaaS database.
#include <string>

#include "bench/load/population.h"

namespace usage_ingest::load {

// One transaction of COPYs: users, team members, teams, models, subscriptions, keys. The default
// team is left to `usage-ingestd migrate`.
// Errors: throws std::runtime_error with PostgreSQL's message; nothing is inserted then.
void SeedDatabase(const Population& population, const std::string& conninfo);

}  // namespace usage_ingest::load
