#include "daemon/assembly/component_checks.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "daemon/assembly/component_options.h"
#include "daemon/config/config_keys.h"
#include "daemon/text/suggest.h"
#include "ingest/kafka/client/kafka_probe.h"
#include "ingest/kafka/client/property_names.h"
#include "ingest/postgres/blocking/conninfo.h"

namespace usage_ingest::assembly {
namespace {

// ssl.ca.location: librdkafka looks in the usual places.
constexpr std::string_view kProbeCertificates = "probe";

std::string SetAt(const config::LoadedConfig& loaded, const std::string& key) {
  const auto found = loaded.set_at.find(key);
  return found == loaded.set_at.end() ? loaded.source : found->second;
}

Problem WrongProperty(const std::string& name, const std::string& where) {
  const std::string key = fmt::format("{}.{}", config::kPropertiesSection, name);
  const std::string manual =
      fmt::format("see CONFIGURATION.md of librdkafka {}", kafka::client::LibraryVersion());
  const auto names = kafka::client::PropertyNames();
  if (std::ranges::find(names, name) == names.end()) {
    const auto near = text::Suggest(name, names);
    return {.what = fmt::format("{} is not a property of librdkafka", key),
            .where = where,
            .fix = near ? fmt::format("did you mean {}?", *near) : manual + " for the names"};
  }
  // The message of librdkafka repeats the value, which may be a secret.
  return {.what = fmt::format("{} has a value that librdkafka does not accept", key),
          .where = where,
          .fix = manual + " for the values"};
}

// One at a time, so that each gets its line.
void CheckProperties(config::LoadedConfig& loaded) {
  for (const auto& [name, value] : loaded.config.kafka.properties) {
    kafka::client::KafkaOptions options;
    options.brokers = loaded.config.kafka.brokers;
    options.group_id = loaded.config.kafka.group_id;
    options.properties = {{name, value}};
    if (kafka::client::CheckKafkaProperties(options)) continue;
    const std::string key = fmt::format("{}.{}", config::kPropertiesSection, name);
    loaded.problems.push_back(WrongProperty(name, SetAt(loaded, key)));
  }
}

// librdkafka reads them when a client connects, and says it in the words of OpenSSL.
void CheckFiles(config::LoadedConfig& loaded) {
  for (const auto& [name, file] : loaded.config.kafka.properties) {
    if (!name.ends_with(".location") || file.empty() || file == kProbeCertificates) continue;
    if (access(file.c_str(), R_OK) == 0) continue;
    const std::string key = fmt::format("{}.{}", config::kPropertiesSection, name);
    loaded.problems.push_back(
        {.what = fmt::format("{}: cannot read {}: {}", key, file, std::strerror(errno)),
         .where = SetAt(loaded, key),
         .fix = "name a file that the daemon's user can read"});
  }
}

// As `run` does it, so that both agree: session.timeout.ms above max.poll.interval.ms, or a
// certificate that cannot be read, is found only when a client is made.
void CheckClient(config::LoadedConfig& loaded) {
  const auto made = kafka::client::CheckKafkaClient(KafkaOptionsFor(loaded.config));
  if (made) return;
  loaded.problems.push_back({.what = made.error().context,
                             .where = loaded.source,
                             .fix = fmt::format("correct [{}], or its variables in the environment",
                                                config::kPropertiesSection)});
}

// libpq would say so at each attempt to connect, and the daemon would try without end.
void CheckUser(config::LoadedConfig& loaded) {
  if (postgres::blocking::HasUser(loaded.config.postgres.conninfo)) return;
  loaded.problems.push_back(
      {.what = fmt::format("postgres.conninfo has no user=, and user id {} has no name", geteuid()),
       .where = SetAt(loaded, "postgres.conninfo"),
       .fix = "add user= to it, or set PGUSER"});
}

}  // namespace

void CheckParts(config::LoadedConfig& loaded, bool needs_kafka) {
  CheckProperties(loaded);
  CheckFiles(loaded);
  if (needs_kafka && loaded.problems.empty()) CheckClient(loaded);
  const std::string& conninfo = loaded.config.postgres.conninfo;
  if (conninfo.empty()) return;
  if (postgres::blocking::CheckConninfo(conninfo)) {
    CheckUser(loaded);
    return;
  }
  loaded.problems.push_back(
      {.what = "postgres.conninfo is not a libpq connection string",
       .where = SetAt(loaded, "postgres.conninfo"),
       .fix =
           R"(for example "host=db dbname=litemaas user=usage_ingest", or a postgresql:// URI)"});
}

}  // namespace usage_ingest::assembly
