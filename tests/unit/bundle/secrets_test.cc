// Secrets: what is shown of a configuration, and what is removed from a text.
#include "daemon/bundle/secrets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/bundle/config_text.h"

namespace usage_ingest::bundle {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

config::LoadedConfig Load(const std::string& text, const config::Environment& environment = {}) {
  return config::LoadConfig(config::ConfigText{text, "test.toml"}, environment);
}

std::string Shown(const std::string& conninfo) {
  return ConfigText(
      Load("[kafka]\nbrokers = \"b:9092\"\n[postgres]\nconninfo = \"" + conninfo + "\"\n"));
}

TEST(SecretsTest, AConninfoIsShownWithoutItsPasswords) {
  const std::string text =
      Shown("host=db user=usage_ingest password=MARK sslpassword=MARK options='-c a.b=MARK'");
  EXPECT_THAT(text, HasSubstr("postgres.conninfo = user=usage_ingest password=*** host=db"));
  EXPECT_THAT(text, Not(HasSubstr("MARK")));
}

TEST(SecretsTest, AnUriIsShownAsKeywords) {
  const std::string text = Shown("postgresql://usage_ingest:MARK%21@db:5433/litemaas");
  EXPECT_THAT(text, HasSubstr("dbname=litemaas"));
  EXPECT_THAT(text, HasSubstr("port=5433"));
  EXPECT_THAT(text, Not(HasSubstr("MARK")));
}

TEST(SecretsTest, ADatabaseNameThatIsAConnectionStringIsHidden) {
  EXPECT_THAT(Shown("dbname='postgresql://u:MARK@db/x'"), Not(HasSubstr("MARK")));
  EXPECT_THAT(Shown("dbname='host=db password=MARK'"), Not(HasSubstr("MARK")));
}

TEST(SecretsTest, OnlyHarmlessPropertiesAreShown) {
  const std::string text = ConfigText(Load(
      "[kafka]\nbrokers = \"b:9092\"\n[postgres]\nconninfo = \"host=db\"\n[kafka.properties]\n"
      "security.protocol = \"SASL_SSL\"\nsession.timeout.ms = 9000\nsasl.password = \"MARK\"\n"
      "ssl.key.pem = \"MARK\"\nsasl.pasword = \"MARK\"\nsasl.oauthbearer.config = \"MARK\"\n"));
  EXPECT_THAT(text, HasSubstr("kafka.properties.security.protocol = SASL_SSL    (test.toml:6)"));
  EXPECT_THAT(text, HasSubstr("kafka.properties.session.timeout.ms = 9000"));
  EXPECT_THAT(text, HasSubstr("kafka.properties.sasl.password = ***"));
  EXPECT_THAT(text, Not(HasSubstr("MARK")));
}

TEST(SecretsTest, AValueOnTheWrongLineIsNotShown) {
  const std::string text = ConfigText(
      Load("[log]\nlevel = \"MARK\"\n[batch]\nrows_max = \"MARK\"\n[http]\nlisten = \"MARK\"\n"));
  EXPECT_THAT(text, HasSubstr("log.level = a value that is not valid"));
  EXPECT_THAT(text, HasSubstr("postgres.conninfo is missing"));
  EXPECT_THAT(text, Not(HasSubstr("MARK")));
}

TEST(SecretsTest, VariablesAreShownByName) {
  const config::Environment environment = {{"PGPASSWORD", "MARK"},
                                           {"USAGE_INGEST_KAFKA_PROPERTIES_SASL_PASSWORD", "MARK"},
                                           {"PATH", "/bin"}};
  EXPECT_EQ(EnvironmentText(environment),
            "PGPASSWORD\nUSAGE_INGEST_KAFKA_PROPERTIES_SASL_PASSWORD\n");
}

TEST(SecretsTest, ASecretIsRemovedWhereverItIs) {
  const config::Environment environment = {{"PGPASSWORD", "of-libpq"},
                                           {"AWS_SECRET_ACCESS_KEY", "of-the-cloud"}};
  const auto loaded = Load(
      "[kafka]\nbrokers = \"b:9092\"\n[postgres]\nconninfo = \"postgresql://u:of%21uri@db/x\"\n"
      "[kafka.properties]\nsasl.password = \"of\"\nssl.key.password = \"of-libpq-and-more\"\n");
  const Secrets secrets = Secrets::Find(loaded, environment);
  EXPECT_EQ(secrets.RemovedFrom("1 of-libpq 2 of-libpq-and-more 3 of-the-cloud 4 of!uri 5 of 6"),
            "1 *** 2 *** 3 *** 4 *** 5 of 6");
}

}  // namespace
}  // namespace usage_ingest::bundle
