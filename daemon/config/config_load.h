#pragma once
// LoadConfig: reads the file, then the environment, then checks what is missing or contradictory.
//
// All problems are reported together, so that one restart is enough after they are fixed.
//
// Errors        never thrown; LoadedConfig::problems. `config` is usable only when there are none.
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "daemon/config/config.h"
#include "schema/problem.h"

namespace usage_ingest::config {

using Environment = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] Environment ProcessEnvironment();

// Which keys must be set; a migration needs no broker.
struct ConfigNeeds {
  bool kafka = true;
  bool postgres = true;
};

struct ConfigText {
  std::string text;
  std::string name;  // the file's path, for "where"
};

struct LoadedConfig {
  Config config;
  Problems problems;
  std::vector<std::string> warnings;
  std::map<std::string, std::string> set_at;  // key -> file:line or variable that set it last
  std::map<std::string, std::string> set_to;  // key -> its valid value; may be a secret
  std::string source;                         // the file, or that there is none
};

[[nodiscard]] LoadedConfig LoadConfig(const std::optional<ConfigText>& file,
                                      const Environment& environment, ConfigNeeds needs = {});

// The rules between keys: adds problems, which point at the line where one of the keys was set, and
// warnings. LoadConfig calls it.
void CheckRelations(LoadedConfig& loaded);

// Throws UserError (user_error.h): 66 when there is no such file, 77 when it may not be read.
[[nodiscard]] ConfigText ReadConfigFile(const std::filesystem::path& path);

}  // namespace usage_ingest::config
