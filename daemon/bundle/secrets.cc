#include "daemon/bundle/secrets.h"

#include <algorithm>
#include <array>
#include <fstream>

#include "ingest/postgres/blocking/conninfo.h"

namespace usage_ingest::bundle {
namespace {

constexpr std::size_t kSecretBytesMin = 4;

// Properties that say how to connect, not with what.
constexpr std::array kHarmlessProperties = std::to_array<std::string_view>({
    "security.protocol",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "ssl.endpoint.identification.algorithm",
    "enable.ssl.certificate.verification",
    "client.id",
    "client.rack",
    "group.instance.id",
    "partition.assignment.strategy",
    "broker.address.family",
    "client.dns.lookup",
    "socket.keepalive.enable",
    "api.version.request",
    "debug",
});
// Numbers and paths.
constexpr std::array kHarmlessEndings =
    std::to_array<std::string_view>({".ms", ".bytes", ".kbytes", ".location"});

// Parts of the names of variables that hold a secret, in whatever program.
constexpr std::array kSecretNames = std::to_array<std::string_view>(
    {"PASS", "SECRET", "TOKEN", "PEM", "KEY", "CREDENTIAL", "CONNINFO", "DATABASE_URL"});

std::string ValueOf(const config::Environment& environment, std::string_view name) {
  const auto found = std::ranges::find(environment, name, &config::Environment::value_type::first);
  return found == environment.end() ? std::string() : found->second;
}

template <class Visitor>
void ForEachLine(const std::string& path, const Visitor& visit) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) visit(line);
}

void AddFromConninfo(const std::string& conninfo, Secrets& secrets) {
  for (const auto& part : postgres::blocking::ConninfoParts(conninfo)) {
    if (part.may_be_secret) secrets.Add(part.value);
  }
}

// "password=..." of each service.
void AddFromServiceFile(const std::string& path, Secrets& secrets) {
  ForEachLine(path, [&](const std::string& line) {
    const std::size_t equals = line.find('=');
    if (equals != std::string::npos && line.substr(0, equals).contains("password")) {
      secrets.Add(std::string_view(line).substr(equals + 1));
    }
  });
}

// host:port:database:user:password, where a backslash precedes ':' and '\'.
void AddFromPasswordFile(const std::string& path, Secrets& secrets) {
  ForEachLine(path, [&](const std::string& line) {
    std::string password;
    int fields = 0;
    for (std::size_t i = 0; i < line.size(); ++i) {
      if (line[i] == ':' && fields < 4) {
        ++fields;
        continue;
      }
      if (line[i] == '\\' && i + 1 < line.size()) ++i;
      if (fields == 4) password += line[i];
    }
    secrets.Add(password);
  });
}

void AddFromEnvironment(const config::Environment& environment, Secrets& secrets) {
  for (const auto& variable : environment) {
    const std::string& name = variable.first;
    const bool is_file = name == "PGPASSFILE" || name.ends_with("_LOCATION");
    const auto is_in_name = [&](std::string_view part) { return name.contains(part); };
    if (!is_file && std::ranges::any_of(kSecretNames, is_in_name)) secrets.Add(variable.second);
  }
}

}  // namespace

bool IsHarmlessProperty(std::string_view name) {
  return std::ranges::find(kHarmlessProperties, name) != kHarmlessProperties.end() ||
         std::ranges::any_of(kHarmlessEndings, [&](auto end) { return name.ends_with(end); });
}

Secrets Secrets::Find(const config::LoadedConfig& loaded, const config::Environment& environment) {
  Secrets secrets;
  const config::Config& config = loaded.config;
  AddFromConninfo(config.postgres.conninfo, secrets);
  for (const auto& [name, value] : config.kafka.properties) {
    if (!IsHarmlessProperty(name)) secrets.Add(value);
  }
  AddFromServiceFile(ValueOf(environment, "PGSERVICEFILE"), secrets);
  AddFromServiceFile(ValueOf(environment, "HOME") + "/.pg_service.conf", secrets);
  AddFromPasswordFile(ValueOf(environment, "PGPASSFILE"), secrets);
  AddFromPasswordFile(ValueOf(environment, "HOME") + "/.pgpass", secrets);
  for (const auto& part : postgres::blocking::ConninfoParts(config.postgres.conninfo)) {
    if (part.keyword == "passfile") AddFromPasswordFile(part.value, secrets);
  }
  AddFromEnvironment(environment, secrets);
  return secrets;
}

void Secrets::Add(std::string_view value) {
  if (value.size() >= kSecretBytesMin) values_.emplace(value);
}

std::string Secrets::RemovedFrom(std::string text) const {
  for (const std::string& value : values_) {
    for (std::size_t at = text.find(value); at != std::string::npos;
         at = text.find(value, at + kHidden.size())) {
      text.replace(at, value.size(), kHidden);
    }
  }
  return text;
}

}  // namespace usage_ingest::bundle
