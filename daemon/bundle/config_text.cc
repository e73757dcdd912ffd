#include "daemon/bundle/config_text.h"

#include <fmt/format.h>

#include <sstream>

#include "daemon/bundle/secrets.h"
#include "daemon/config/config_keys.h"
#include "daemon/text/print_problems.h"
#include "ingest/postgres/blocking/conninfo.h"

namespace usage_ingest::bundle {
namespace {

std::string ShownConninfo(const std::string& conninfo) {
  std::string shown;
  for (const auto& part : postgres::blocking::ConninfoParts(conninfo)) {
    shown += fmt::format("{}{}={}", shown.empty() ? "" : " ", part.keyword,
                         part.may_be_secret ? kHidden : part.value);
  }
  return shown;
}

std::string Shown(const std::string& path, const std::string& value) {
  if (path == "postgres.conninfo") return ShownConninfo(value);
  const std::string properties = fmt::format("{}.", config::kPropertiesSection);
  if (path.starts_with(properties) && !IsHarmlessProperty(path.substr(properties.size()))) {
    return std::string(kHidden);
  }
  return value;
}

}  // namespace

std::string ConfigText(const config::LoadedConfig& loaded) {
  std::ostringstream out;
  out << loaded.source << '\n';
  for (const auto& [path, where] : loaded.set_at) {
    const auto value = loaded.set_to.find(path);
    out << fmt::format(
        "{} = {}    ({})\n", path,
        value == loaded.set_to.end() ? "a value that is not valid" : Shown(path, value->second),
        where);
  }
  text::PrintProblems(loaded.problems, out);
  for (const std::string& warning : loaded.warnings) out << "warning: " << warning << '\n';
  return out.str();
}

std::string EnvironmentText(const config::Environment& environment) {
  std::string names;
  for (const auto& [name, value] : environment) {
    if (name.starts_with("PG") || name.starts_with("USAGE_INGEST_")) names += name + '\n';
  }
  return names.empty() ? "none\n" : names;
}

}  // namespace usage_ingest::bundle
