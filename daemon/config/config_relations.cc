// Rules between keys, such as a budget that is too small for the writers.
#include <fmt/format.h>

#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "daemon/config/config_load.h"
#include "daemon/config/memory_plan.h"
#include "daemon/text/units.h"

namespace usage_ingest::config {
namespace {

using Seen = std::map<std::string, std::string>;

// Where the first of `keys` that is set was set. One of them is: the defaults fit together.
std::string WhereSet(const Seen& seen, std::initializer_list<const char*> keys,
                     const std::string& fallback) {
  for (const char* key : keys) {
    if (const auto found = seen.find(key); found != seen.end()) return found->second;
  }
  return fallback;
}

std::string InMebibytes(std::size_t bytes) { return fmt::format("{}MiB", (bytes >> 20) + 1); }

void CheckMemory(const Config& config, const Seen& seen, const std::string& fallback,
                 Problems& problems) {
  const std::size_t needed = BudgetNeeded(config);
  if (config.memory_budget_bytes >= needed) return;
  problems.push_back(
      {.what = fmt::format(
           "memory.budget {} cannot hold {} writers with batches of {} (batch.bytes_max) "
           "and records of {} (events.record_bytes_max)",
           text::FormatSize(config.memory_budget_bytes), config.postgres.writers,
           text::FormatSize(config.batch.bytes_max),
           text::FormatSize(config.events.record_bytes_max)),
       .where = WhereSet(
           seen,
           {"memory.budget", "batch.bytes_max", "postgres.writers", "events.record_bytes_max"},
           fallback),
       .fix =
           fmt::format("raise memory.budget to {}, or lower batch.bytes_max, postgres.writers or "
                       "events.record_bytes_max",
                       InMebibytes(needed))});
}

// More writers share one budget: at some number their transactions become so small that they cost
// more than the writers gain.
void CheckWriters(const Config& config, std::vector<std::string>& warnings) {
  const std::size_t writers = config.postgres.writers;
  if (writers <= PostgresConfig{}.writers) return;
  if (config.memory_budget_bytes < BudgetNeeded(config)) return;  // CheckMemory has reported it
  const std::size_t bytes = PlanMemory(config).transaction_bytes;
  if (bytes >= kTransactionBytesEnough) return;
  warnings.push_back(fmt::format(
      "postgres.writers = {}: memory.budget leaves {} MiB for each transaction, and below {} MiB "
      "more writers make ingestion slower; raise memory.budget to {} or lower postgres.writers",
      writers, bytes >> 20, kTransactionBytesEnough >> 20, InMebibytes(BudgetEnough(config))));
}

void CheckRecordFitsBatch(const Config& config, const Seen& seen, const std::string& fallback,
                          Problems& problems) {
  if (config.events.record_bytes_max <= config.batch.bytes_max) return;
  problems.push_back(
      {.what = fmt::format("events.record_bytes_max {} is larger than batch.bytes_max {}",
                           text::FormatSize(config.events.record_bytes_max),
                           text::FormatSize(config.batch.bytes_max)),
       .where = WhereSet(seen, {"events.record_bytes_max", "batch.bytes_max"}, fallback),
       .fix = fmt::format("raise batch.bytes_max to {} or lower events.record_bytes_max",
                          text::FormatSize(config.events.record_bytes_max))});
}

void CheckRetries(const Config& config, const Seen& seen, const std::string& fallback,
                  Problems& problems) {
  const auto& attribution = config.attribution;
  if (attribution.retry_for.count() == 0 ||
      attribution.retry_for >= attribution.retry_dead_letters) {
    return;
  }
  problems.push_back(
      {.what = fmt::format("attribution.retry_for {} ends before the first retry after "
                           "attribution.retry_dead_letters {}",
                           text::FormatDuration(attribution.retry_for),
                           text::FormatDuration(attribution.retry_dead_letters)),
       .where =
           WhereSet(seen, {"attribution.retry_for", "attribution.retry_dead_letters"}, fallback),
       .fix = "raise attribution.retry_for, or set it to \"0\" for no retries by time"});
}

void CheckIndexes(const Config& config, const Seen& seen, const std::string& fallback,
                  Problems& problems) {
  using postgres::batch::IndexTime;
  using postgres::batch::PartitionUnit;
  if (config.partitions.indexes == IndexTime::kImmediate ||
      config.partitions.by == PartitionUnit::kDay) {
    return;
  }
  problems.push_back(
      {.what = "partitions.indexes = \"deferred\" with partitions.by = \"month\": rows would be "
               "without indexes for a month",
       .where = WhereSet(seen, {"partitions.indexes", "partitions.by"}, fallback),
       .fix = "set partitions.by = \"day\", or partitions.indexes = \"immediate\""});
}

}  // namespace

void CheckRelations(LoadedConfig& loaded) {
  const Seen& seen = loaded.set_at;
  CheckMemory(loaded.config, seen, loaded.source, loaded.problems);
  CheckWriters(loaded.config, loaded.warnings);
  CheckRecordFitsBatch(loaded.config, seen, loaded.source, loaded.problems);
  CheckRetries(loaded.config, seen, loaded.source, loaded.problems);
  CheckIndexes(loaded.config, seen, loaded.source, loaded.problems);
}

}  // namespace usage_ingest::config
