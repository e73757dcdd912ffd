#include "daemon/config/config_load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <type_traits>
#include <variant>

#include "daemon/config/config_environment.h"
#include "daemon/config/config_keys.h"
#include "daemon/text/suggest.h"
#include "daemon/text/user_error.h"

namespace usage_ingest::config {
namespace {

std::string JoinPath(const std::vector<std::string>& path) {
  return fmt::format("{}", fmt::join(path, "."));
}

std::string TextOf(const ConfigValue& value) {
  return std::visit(
      [](const auto& each) -> std::string {
        using Value = std::remove_cvref_t<decltype(each)>;
        if constexpr (std::is_same_v<Value, ConfigValue::Other>) {
          return each.type_name;
        } else if constexpr (std::is_same_v<Value, std::vector<std::string>>) {
          return fmt::format("{}", fmt::join(each, ", "));
        } else {
          return fmt::format("{}", each);
        }
      },
      value.value);
}

class Loader {
 public:
  explicit Loader(LoadedConfig& loaded) : loaded_(loaded) {}

  // False when the file is not TOML.
  bool ApplyFile(const ConfigText& file) {
    const auto entries = ParseConfigText(file.text, file.name);
    if (!entries) {
      loaded_.problems.push_back(entries.error());
      return false;
    }
    for (const ConfigEntry& entry : *entries) ApplyEntry(entry);
    return true;
  }

  void ApplyEnvironment(const Environment& environment) {
    for (const EnvironmentSetting& setting : ReadEnvironment(environment, loaded_)) {
      const std::string where = "environment variable " + setting.variable;
      if (setting.key != nullptr) {
        Apply(*setting.key, {setting.text, true}, where);
      } else {
        ApplyProperty(setting.property, {setting.text, true}, where);
      }
    }
  }

 private:
  void ApplyEntry(const ConfigEntry& entry) {
    if (entry.path.size() > 2 && entry.path[0] == "kafka" && entry.path[1] == "properties") {
      const std::vector<std::string> rest(entry.path.begin() + 2, entry.path.end());
      ApplyProperty(JoinPath(rest), entry.value, entry.where);
      return;
    }
    const std::string path = JoinPath(entry.path);
    const auto& keys = ConfigKeys();
    const auto key = std::ranges::find(keys, path, &ConfigKey::path);
    if (key != keys.end()) {
      Apply(*key, entry.value, entry.where);
    } else if (!IsEmptySection(entry)) {
      loaded_.problems.push_back(
          {.what = "unknown key " + path, .where = entry.where, .fix = FixUnknown(entry)});
    }
  }

  // `[batch]` with nothing below it is no mistake.
  static bool IsEmptySection(const ConfigEntry& entry) {
    const auto* other = std::get_if<ConfigValue::Other>(&entry.value.value);
    if (other == nullptr || other->type_name != "table") return false;
    const std::string path = JoinPath(entry.path);
    return path == kPropertiesSection ||
           std::ranges::any_of(ConfigKeys(), [&](const auto& key) { return key.section == path; });
  }

  static std::string FixUnknown(const ConfigEntry& entry) {
    std::vector<std::string> paths;
    for (const ConfigKey& key : ConfigKeys()) paths.push_back(key.path());
    for (const ConfigKey& key : ConfigKeys()) {
      if (key.name == entry.path.back()) return fmt::format("did you mean {}?", key.path());
    }
    if (const auto near = text::Suggest(JoinPath(entry.path), paths)) {
      return fmt::format("did you mean {}?", *near);
    }
    // A misspelt section makes each of its keys unknown.
    std::vector<std::string> sections;
    for (const ConfigKey& key : ConfigKeys()) sections.push_back(key.section);
    const std::string& section = entry.path.front();
    if (const auto near = text::Suggest(section, sections); near && *near != section) {
      return fmt::format("did you mean [{}]?", *near);
    }
    return "remove it; /usr/share/doc/usage-ingestd/configuration.md lists every key";
  }

  void Apply(const ConfigKey& key, const ConfigValue& value, const std::string& where) {
    Remember(key.path(), value, where, key.set(loaded_.config, value));
  }

  void ApplyProperty(const std::string& name, const ConfigValue& value, const std::string& where) {
    Remember(fmt::format("{}.{}", kPropertiesSection, name), value, where,
             SetKafkaProperty(loaded_.config, name, value));
  }

  void Remember(const std::string& path, const ConfigValue& value, const std::string& where,
                const std::optional<Problem>& problem) {
    loaded_.set_at.insert_or_assign(path, where);
    if (!problem) {
      loaded_.set_to.insert_or_assign(path, TextOf(value));
      return;
    }
    loaded_.set_to.erase(path);
    loaded_.problems.push_back(
        {.what = fmt::format("{} {}", path, problem->what), .where = where, .fix = problem->fix});
  }

  LoadedConfig& loaded_;
};

void RequireKey(const std::string& section, const std::string& name, std::string_view example,
                LoadedConfig& loaded) {
  const std::string path = section + "." + name;
  if (loaded.set_at.contains(path)) return;
  loaded.problems.push_back({.what = fmt::format("{} is missing", path),
                             .where = loaded.source,
                             .fix = fmt::format("add {} = {} under [{}], or set {}", name, example,
                                                section, EnvironmentName(section, name))});
}

}  // namespace

LoadedConfig LoadConfig(const std::optional<ConfigText>& file, const Environment& environment,
                        ConfigNeeds needs) {
  LoadedConfig loaded;
  loaded.source = file ? file->name : "no configuration file, environment only";
  Loader loader(loaded);
  // What half a file lacks is no problem to report.
  if (file && !loader.ApplyFile(*file)) return loaded;
  loader.ApplyEnvironment(environment);
  if (needs.kafka) RequireKey("kafka", "brokers", "\"kafka-1:9092\"", loaded);
  if (needs.postgres) {
    RequireKey("postgres", "conninfo", "\"host=db dbname=litemaas user=usage_ingest\"", loaded);
  }
  CheckRelations(loaded);
  return loaded;
}

ConfigText ReadConfigFile(const std::filesystem::path& path) {
  std::error_code error;
  std::ifstream file(path, std::ios::binary);
  const int open_errno = errno;
  if (!file || std::filesystem::is_directory(path, error)) {
    const bool denied = open_errno == EACCES;
    throw text::UserError(denied ? text::ExitCode::kPermission : text::ExitCode::kNoInput,
                          {fmt::format("cannot read the configuration file: {}",
                                       file ? "it is a directory" : std::strerror(open_errno)),
                           path.string(),
                           denied ? "run it with sudo, or as a member of the group usage-ingestd: "
                                    "sudo usermod --append --groups usage-ingestd NAME"
                                  : "name another one by --config FILE"});
  }
  ConfigText text{{}, path.string()};
  text.text.resize(kConfigFileBytesMax + 1);
  file.read(text.text.data(), static_cast<std::streamsize>(text.text.size()));
  text.text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.text.size() > kConfigFileBytesMax) {
    throw text::UserError(text::ExitCode::kConfig,
                          {"the configuration file is larger than 1 MiB", path.string(),
                           "name the right file by --config FILE"});
  }
  return text;
}

}  // namespace usage_ingest::config
