#pragma once
// ConfigKeys: the table of every key: its name, how text becomes its value, its bounds.
//
// File, environment and reload use the same row of the table. CONTRIBUTING.md tells how to add a
// key.
//
// Thread-safety the table is built once and const.
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/config/config_file.h"

namespace usage_ingest::config {

struct ConfigKey {
  std::string section;
  std::string name;
  // A problem's `what` continues "<section>.<key> "; the caller adds `where`.
  std::function<std::optional<Problem>(Config&, const ConfigValue&)> set;
  std::function<bool(const Config&, const Config&)> same;
  std::function<void(Config& to, const Config& from)> copy;
  bool reloadable = false;  // a running daemon takes a new value over at SIGHUP

  [[nodiscard]] std::string path() const { return section + "." + name; }
};

inline constexpr std::string_view kPropertiesSection = "kafka.properties";

[[nodiscard]] const std::vector<ConfigKey>& ConfigKeys();

// One of [kafka.properties]: text, a whole number or true/false.
[[nodiscard]] std::optional<Problem> SetKafkaProperty(Config& config, const std::string& name,
                                                      const ConfigValue& value);

}  // namespace usage_ingest::config
