// The manual of the configuration says what the program does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>
#include <sstream>

#include "daemon/config/config_keys.h"
#include "daemon/config/config_load.h"

namespace usage_ingest {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Read(const std::string& path) {
  std::ifstream file(std::string(USAGE_INGEST_SOURCE_DIR) + "/" + path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string Manual() { return Read("docs/configuration.md"); }

// The first ```toml block.
std::string Example() {
  const std::string manual = Manual();
  const std::string open = "```toml\n";
  const std::size_t begin = manual.find(open) + open.size();
  return manual.substr(begin, manual.find("```", begin) - begin);
}

TEST(ConfigurationManualTest, ItsExampleIsTheDefaults) {
  const config::LoadedConfig loaded =
      config::LoadConfig(config::ConfigText{Example(), "docs/configuration.md"}, {});
  EXPECT_THAT(loaded.problems, IsEmpty());
  const config::Config defaults;
  for (const config::ConfigKey& key : config::ConfigKeys()) {
    EXPECT_TRUE(loaded.set_at.contains(key.path())) << key.path() << " is not in the example";
    const bool is_required = key.path() == "kafka.brokers" || key.path() == "postgres.conninfo";
    EXPECT_NE(key.same(loaded.config, defaults), is_required) << key.path();
  }
}

TEST(ConfigurationManualTest, DescribesEveryKeyAndNamesTheReloadableOnes) {
  const std::string manual = Manual();
  const std::size_t reload = manual.find("takes over ");
  ASSERT_NE(reload, std::string::npos);
  const std::string reloadable = manual.substr(reload, manual.find(" and names", reload) - reload);
  for (const config::ConfigKey& key : config::ConfigKeys()) {
    EXPECT_THAT(manual, HasSubstr("| `" + key.path() + "` | "));
    EXPECT_EQ(reloadable.find("`" + key.path() + "`") != std::string::npos, key.reloadable)
        << key.path();
  }
}

// The package's file has every key as a comment, so that an operator sees what there is to change.
TEST(ConfigurationManualTest, ThePackagedFileShowsTheDefaults) {
  const std::string file = std::regex_replace(Read("systemd/usage-ingestd.toml"),
                                              std::regex("\n#([a-z_]+ = | +\")"), "\n$1");
  const config::LoadedConfig loaded =
      config::LoadConfig(config::ConfigText{file, "systemd/usage-ingestd.toml"}, {});
  EXPECT_THAT(loaded.problems, IsEmpty());
  const config::Config defaults;
  for (const config::ConfigKey& key : config::ConfigKeys()) {
    const bool is_required = key.path() == "kafka.brokers" || key.path() == "postgres.conninfo";
    EXPECT_TRUE(loaded.set_at.contains(key.path())) << key.path() << " is not in the file";
    EXPECT_NE(key.same(loaded.config, defaults), is_required) << key.path();
  }
}

}  // namespace
}  // namespace usage_ingest
