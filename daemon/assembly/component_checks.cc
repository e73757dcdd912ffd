#include "daemon/assembly/component_checks.h"

#include <fmt/format.h>

#include "daemon/config/config_keys.h"
#include "ingest/kafka/client/kafka_probe.h"
#include "ingest/kafka/client/library_version.h"
#include "ingest/postgres/blocking/conninfo.h"

namespace usage_ingest::assembly {
namespace {

std::string SetAt(const config::LoadedConfig& loaded, const std::string& key) {
  const auto found = loaded.set_at.find(key);
  return found == loaded.set_at.end() ? loaded.source : found->second;
}

// One at a time, so that each gets its line.
void CheckProperties(config::LoadedConfig& loaded) {
  for (const auto& [name, value] : loaded.config.kafka.properties) {
    kafka::client::KafkaOptions options;
    options.brokers = loaded.config.kafka.brokers;
    options.group_id = loaded.config.kafka.group_id;
    options.properties = {{name, value}};
    if (kafka::client::CheckKafkaOptions(options)) continue;
    // What librdkafka says repeats the value, which may be a secret.
    const std::string key = fmt::format("{}.{}", config::kPropertiesSection, name);
    loaded.problems.push_back(
        {.what = fmt::format("{} is unknown to librdkafka, or its value is wrong", key),
         .where = SetAt(loaded, key),
         .fix = fmt::format("see CONFIGURATION.md of librdkafka {} for names and values",
                            kafka::client::LibraryVersion())});
  }
}

}  // namespace

void CheckParts(config::LoadedConfig& loaded) {
  CheckProperties(loaded);
  const std::string& conninfo = loaded.config.postgres.conninfo;
  if (conninfo.empty() || postgres::blocking::CheckConninfo(conninfo)) return;
  loaded.problems.push_back(
      {.what = "postgres.conninfo is not a libpq connection string",
       .where = SetAt(loaded, "postgres.conninfo"),
       .fix =
           R"(for example "host=db dbname=litemaas user=usage_ingest", or a postgresql:// URI)"});
}

}  // namespace usage_ingest::assembly
