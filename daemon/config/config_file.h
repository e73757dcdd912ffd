#pragma once
// ConfigFile: a TOML file as a flat list of keys with their lines.
//
// The only place with toml++. It knows TOML but no key: config_keys.h checks names and
// values. Dotted keys are flattened, since `security.protocol = "SSL"` under [kafka.properties] is
// a nested table to TOML and one property name to librdkafka.
//
// Limit         kConfigFileBytesMax.
// Errors        text that is not TOML is a problem with its line.
// Source        TOML 1.0, "Keys": dotted keys create tables.
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "schema/problem.h"

namespace usage_ingest::config {

inline constexpr std::size_t kConfigFileBytesMax = 1 << 20;

struct ConfigValue {
  // A list of something other than strings, a date or a table: no key has such a type.
  struct Other {
    std::string type_name;
  };
  std::variant<std::string, std::int64_t, double, bool, std::vector<std::string>, Other> value;
  // From the environment, where everything is text: numbers and lists are read out of the string.
  bool is_text_only = false;
};

struct ConfigEntry {
  std::vector<std::string> path;  // {"kafka", "properties", "sasl", "username"}
  ConfigValue value;
  std::string where;
};

// Empty tables come as an entry of type "table", so that a misspelt empty section is noticed.
[[nodiscard]] std::expected<std::vector<ConfigEntry>, Problem> ParseConfigText(
    std::string_view text, const std::string& file_name);

}  // namespace usage_ingest::config
