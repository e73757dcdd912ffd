#include "daemon/config/config_environment.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "daemon/text/suggest.h"

namespace usage_ingest::config {
namespace {

constexpr std::string_view kPrefix = "USAGE_INGEST_";
constexpr std::string_view kPropertiesPrefix = "USAGE_INGEST_KAFKA_PROPERTIES_";

char UpperOrUnderscore(char c) {
  if (c >= 'a' && c <= 'z') return static_cast<char>(c - 'a' + 'A');
  return c == '.' ? '_' : c;
}

// "SASL_USERNAME" -> "sasl.username": no property of librdkafka has an underscore that matters
// here.
std::string PropertyName(std::string_view suffix) {
  std::string name(suffix);
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '_') c = '.';
  }
  return name;
}

bool LooksLikeOurs(const std::string& variable) {
  return std::ranges::any_of(ConfigKeys(), [&](const ConfigKey& key) {
    return variable.starts_with(EnvironmentName(key.section, ""));
  });
}

// Kubernetes tells each container about the services of its namespace: "usage-ingest-kafka" becomes
// USAGE_INGEST_KAFKA_SERVICE_HOST, ..._SERVICE_PORT, ..._PORT=tcp://10.0.0.1:9092, and more that
// begin with ..._PORT_9092_TCP (Kubernetes documentation, "Discovering services").
bool IsServiceLink(std::string_view variable, std::string_view value) {
  const auto is_port_with_protocol = [](std::string_view rest) {
    const std::size_t digits = rest.find_first_not_of("0123456789");
    if (digits == 0 || digits == std::string_view::npos) return false;
    rest.remove_prefix(digits);
    return rest.starts_with("_TCP") || rest.starts_with("_UDP") || rest.starts_with("_SCTP");
  };
  constexpr std::string_view kPort = "_PORT_";
  const std::size_t port = variable.find(kPort);
  return variable.ends_with("_SERVICE_HOST") || variable.ends_with("_SERVICE_PORT") ||
         variable.find("_SERVICE_PORT_") != std::string_view::npos ||
         (variable.ends_with("_PORT") && value.find("://") != std::string_view::npos) ||
         (port != std::string_view::npos &&
          is_port_with_protocol(variable.substr(port + kPort.size())));
}

void ReportUnknown(const std::string& variable, LoadedConfig& loaded) {
  std::vector<std::string> names;
  for (const ConfigKey& key : ConfigKeys()) {
    names.push_back(EnvironmentName(key.section, key.name).substr(kPrefix.size()));
  }
  // Without the prefix, whose length would make anything look near.
  const auto near = text::Suggest(variable.substr(kPrefix.size()), names);
  if (!near && !LooksLikeOurs(variable)) {
    loaded.warnings.push_back(
        fmt::format("environment variable {} names no key and is ignored", variable));
    return;
  }
  loaded.problems.push_back({.what = "names no key of the configuration",
                             .where = "environment variable " + variable,
                             .fix = near
                                        ? fmt::format("did you mean {}{}?", kPrefix, *near)
                                        : "unset it; /usr/share/doc/usage-ingestd/configuration.md "
                                          "lists every key"});
}

}  // namespace

std::string EnvironmentName(const std::string& section, const std::string& name) {
  std::string variable = fmt::format("{}{}_{}", kPrefix, section, name);
  std::ranges::transform(variable, variable.begin(), UpperOrUnderscore);
  return variable;
}

std::vector<EnvironmentSetting> ReadEnvironment(const Environment& environment,
                                                LoadedConfig& loaded) {
  std::vector<EnvironmentSetting> settings;
  for (const auto& [variable, text] : environment) {
    if (!variable.starts_with(kPrefix)) continue;
    if (variable.starts_with(kPropertiesPrefix)) {
      const std::string suffix = variable.substr(kPropertiesPrefix.size());
      settings.push_back({variable, nullptr, PropertyName(suffix), text});
      continue;
    }
    const auto& keys = ConfigKeys();
    const auto key = std::ranges::find_if(keys, [&](const ConfigKey& candidate) {
      return EnvironmentName(candidate.section, candidate.name) == variable;
    });
    if (key != keys.end()) {
      settings.push_back({variable, &*key, {}, text});
    } else if (!IsServiceLink(variable, text)) {
      ReportUnknown(variable, loaded);
    }
  }
  return settings;
}

Environment ProcessEnvironment() {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

}  // namespace usage_ingest::config
