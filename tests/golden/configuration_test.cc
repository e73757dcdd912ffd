// The manual of the configuration says what the program does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "daemon/config/config_keys.h"
#include "daemon/config/config_load.h"

namespace usage_ingest {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string Manual() {
  std::ifstream file(std::string(USAGE_INGEST_SOURCE_DIR) + "/docs/configuration.md");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

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

}  // namespace
}  // namespace usage_ingest
