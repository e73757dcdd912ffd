// What an operator may write in the configuration, and what they are told when they may not.
#include "daemon/config/config_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "daemon/config/config_keys.h"
#include "daemon/text/user_error.h"
#include "ingest/event/decoder.h"

namespace usage_ingest::config {

// For GoogleTest's messages.
void PrintTo(const Problem& problem, std::ostream* out) {  // NOLINT(misc-*): by ADL
  *out << problem.where << " | " << problem.what << " | " << problem.fix;
}

namespace {

using postgres::batch::IndexTime;
using postgres::batch::PartitionPlan;
using postgres::batch::PartitionUnit;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::string_view kRequired = "kafka.brokers = 'k:9092'\npostgres.conninfo = 'host=db'\n";

LoadedConfig Load(const std::string& text, const Environment& environment = {}) {
  return LoadConfig(ConfigText{text, "test.toml"}, environment);
}
LoadedConfig LoadWithRequired(const std::string& text) {
  return Load(std::string(kRequired) + text);
}

TEST(ConfigLoadTest, RequiredKeysAreEnoughAndTheRestHasTheContractsDefaults) {
  const LoadedConfig loaded = Load(std::string(kRequired));
  ASSERT_THAT(loaded.problems, IsEmpty());
  const Config& config = loaded.config;
  EXPECT_EQ(config.kafka.brokers, "k:9092");
  EXPECT_THAT(config.kafka.topics, ElementsAre("litellm.usage.v1"));
  EXPECT_EQ(config.kafka.group_id, "usage-ingestd");
  EXPECT_EQ(config.kafka.start, kafka::client::LogEnd::kEarliest);
  EXPECT_THAT(config.kafka.properties, IsEmpty());
  EXPECT_EQ(config.postgres.conninfo, "host=db");
  EXPECT_EQ(config.postgres.writers, 2u);
  EXPECT_EQ(config.postgres.foreign_keys, postgres::batch::ForeignKeys::kAuto);
  EXPECT_EQ(config.batch.rows_max, 10'000u);
  EXPECT_EQ(config.batch.bytes_max, 32u << 20);
  EXPECT_EQ(config.batch.linger, std::chrono::milliseconds(250));
  EXPECT_EQ(config.memory_budget_bytes, 512u << 20);
  EXPECT_EQ(config.events.metadata, event::AllMetadataKeys());
  EXPECT_EQ(config.events.record_bytes_max, 8u << 20);
  EXPECT_EQ(config.attribution.refresh, std::chrono::seconds(60));
  EXPECT_EQ(config.attribution.retry_dead_letters, std::chrono::minutes(5));
  EXPECT_EQ(config.attribution.retry_for, std::chrono::days(7));
  EXPECT_EQ(config.dead_letters_keep, std::chrono::days(90));
  EXPECT_EQ(config.partitions, PartitionPlan{});
  EXPECT_TRUE(config.litemaas.keeps_last_used && config.litemaas.keeps_spend);
  EXPECT_FALSE(config.litemaas.fills_daily_usage_cache);
  EXPECT_EQ(config.http_listen, (ListenAddress{"127.0.0.1", 19464}));
  EXPECT_TRUE(config.log_level == LogLevel::kInfo && config.log_format == LogFormat::kAuto);
  EXPECT_EQ(config.shutdown_drain, std::chrono::seconds(10));
}

TEST(ConfigLoadTest, TakesEveryKeyFromTheFile) {
  const LoadedConfig loaded = Load(R"(
[kafka]
brokers = "a:1,b:2"
topics = ["one", "two"]
group_id = "mine"
start = "latest"
[kafka.properties]
security.protocol = "SASL_SSL"
"sasl.username" = "me"
socket.keepalive.enable = true
session.timeout.ms = 10000
[postgres]
conninfo = "postgresql://db/litemaas"
writers = 4
foreign_keys = "constraints"
[batch]
rows_max = 5000
bytes_max = "8MiB"
linger = "1s"
[memory]
budget = "1GiB"
[events]
metadata = ["provider", "tags"]
record_bytes_max = 1048576
[attribution]
refresh = "2m"
retry_dead_letters = "1m"
retry_for = "1d"
[dead_letters]
keep = "30d"
[partitions]
by = "day"
indexes = "deferred"
index_after = "2h"
months_ahead = 6
days_ahead = 14
retention_months = 24
retention_days = 10
[quotas]
enforce = "active-only"
periods = "off"
warn_at = ["50%", "120%"]
[history]
daily = "off"
[litemaas]
last_used_at = "off"
current_spend = "off"
daily_usage_cache = "on"
[http]
listen = "[::1]:0"
[log]
level = "debug"
format = "json"
[shutdown]
drain = "20s"
)");
  ASSERT_THAT(loaded.problems, IsEmpty());
  const Config& config = loaded.config;
  EXPECT_THAT(config.kafka.topics, ElementsAre("one", "two"));
  EXPECT_EQ(config.kafka.group_id, "mine");
  EXPECT_EQ(config.kafka.start, kafka::client::LogEnd::kLatest);
  EXPECT_EQ(config.kafka.properties,
            (std::map<std::string, std::string>{{"security.protocol", "SASL_SSL"},
                                                {"sasl.username", "me"},
                                                {"socket.keepalive.enable", "true"},
                                                {"session.timeout.ms", "10000"}}));
  EXPECT_EQ(config.postgres.writers, 4u);
  EXPECT_EQ(config.postgres.foreign_keys, postgres::batch::ForeignKeys::kConstraints);
  EXPECT_EQ(config.batch.rows_max, 5000u);
  EXPECT_EQ(config.batch.bytes_max, 8u << 20);
  EXPECT_EQ(config.batch.linger, std::chrono::seconds(1));
  EXPECT_EQ(config.memory_budget_bytes, 1u << 30);
  EXPECT_THAT(config.events.metadata, ElementsAre("provider", "tags"));
  EXPECT_EQ(config.events.record_bytes_max, 1u << 20);
  EXPECT_EQ(config.attribution.refresh, std::chrono::minutes(2));
  EXPECT_EQ(config.attribution.retry_dead_letters, std::chrono::minutes(1));
  EXPECT_EQ(config.attribution.retry_for, std::chrono::days(1));
  EXPECT_EQ(config.dead_letters_keep, std::chrono::days(30));
  EXPECT_EQ(config.partitions, (PartitionPlan{PartitionUnit::kDay, IndexTime::kDeferred,
                                              std::chrono::hours(2), 6, 14, 24, 10}));
  EXPECT_EQ(config.quotas.enforce, postgres::batch::QuotaEnforcement::kActiveOnly);
  EXPECT_FALSE(config.quotas.has_periods);
  EXPECT_EQ(config.quotas.warn_at_percent, (std::vector<std::int64_t>{50, 120}));
  EXPECT_FALSE(config.history.is_kept);
  EXPECT_FALSE(config.litemaas.keeps_last_used);
  EXPECT_FALSE(config.litemaas.keeps_spend);
  EXPECT_TRUE(config.litemaas.fills_daily_usage_cache);
  EXPECT_EQ(config.http_listen, (ListenAddress{"::1", 0}));
  EXPECT_EQ(config.log_level, LogLevel::kDebug);
  EXPECT_EQ(config.log_format, LogFormat::kJson);
  EXPECT_EQ(config.shutdown_drain, std::chrono::seconds(20));
  for (const ConfigKey& key : ConfigKeys()) {
    EXPECT_TRUE(loaded.set_at.contains(key.path())) << key.path() << " is not in this test";
    EXPECT_FALSE(key.same(config, Config{})) << key.path() << " has its default";
  }
}

struct BadLine {
  std::string name;
  std::string line;  // the third line of the file
  std::string what;
  std::string fix;
};

void PrintTo(const BadLine& bad, std::ostream* out) { *out << bad.line; }

class BadLineTest : public ::testing::TestWithParam<BadLine> {};

TEST_P(BadLineTest, IsRefusedWithItsLineAndTheFix) {
  const LoadedConfig loaded = LoadWithRequired(GetParam().line);
  ASSERT_THAT(loaded.problems, ElementsAre(AllOf(Field(&Problem::where, "test.toml:3"),
                                                 Field(&Problem::what, HasSubstr(GetParam().what)),
                                                 Field(&Problem::fix, HasSubstr(GetParam().fix)))));
}

const BadLine kBadLines[] = {
    {"UnknownKey", "kafka.broker = 'x'", "unknown key kafka.broker", "did you mean kafka.brokers?"},
    {"NoPercentage", R"(quotas.warn_at = ["80"])", "holds no percentage", "write it as"},
    {"PercentageTwice", R"(quotas.warn_at = ["80%", "80%"])", "names something twice", "once"},
    {"SwappedLetters", "batch.lniger = '1s'", "unknown key batch.lniger",
     "did you mean batch.linger?"},
    {"WrongSection", "kafka.writers = 3", "unknown key kafka.writers",
     "did you mean postgres.writers?"},
    {"NoSection", "rows_max = 3", "unknown key rows_max", "did you mean batch.rows_max?"},
    {"MisspeltSection", "[batches]", "unknown key batches", "did you mean [batch]?"},
    {"CapitalSection", "[Kafka]", "unknown key Kafka", "did you mean [kafka]?"},
    {"CapitalSectionOfProperties", "KAFKA.properties.sasl.username = 'me'",
     "unknown key KAFKA.properties.sasl.username", "did you mean [kafka]?"},
    {"UnknownSection", "[zebra]", "unknown key zebra", "/configuration.md"},
    {"SectionAsValue", "memory = 3", "unknown key memory", ""},
    {"NothingLikeIt", "zebra.stripes = 3", "unknown key zebra.stripes", "/configuration.md"},
    {"NotToml", "kafka.topics = [", "not valid TOML", "correct the line"},
    {"TwiceInToml", "kafka.brokers = 'again'", "not valid TOML", ""},
    {"TextForNumber", "postgres.writers = '2'", "must be a whole number, not text", "1"},
    {"DecimalForNumber", "postgres.writers = 2.5", "not a decimal number", ""},
    {"NumberForText", "kafka.group_id = 7", "must be text, not a whole number", ""},
    {"TextForList", "kafka.topics = 'a'", "must be a list of texts, not text", "["},
    {"ListOfNumbers", "kafka.topics = [1]", "must be a list of texts", "["},
    {"DateForText", "kafka.group_id = 2026-01-01", "not date", ""},
    {"TableForText", "kafka.group_id = {}", "not table", ""},
    {"TooManyWriters", "postgres.writers = 65", "out of range", "from 1 to 64"},
    {"NoWriters", "postgres.writers = 0", "out of range", "from 1 to 64"},
    {"NegativeWriters", "postgres.writers = -1", "out of range", "from 1 to 64"},
    {"NegativeMonths", "partitions.months_ahead = -1", "out of range", "from 0 to 120"},
    {"DurationWithoutUnit", "batch.linger = 250", "must be a duration", "in quotes"},
    {"DurationOfUnknownUnit", "batch.linger = '250us'", "must be a duration", "ms, s, m, h or d"},
    {"DurationTooLong", "batch.linger = '2m'", "out of range", "to 1m"},
    {"DurationNegative", "batch.linger = '-1s'", "must be a duration", ""},
    {"DurationOverflows", "dead_letters.keep = '999999999999999d'", "must be a duration", ""},
    {"DecimalSizeUnit", "batch.bytes_max = '8MB'", "must be a size", "MiB"},
    {"NegativeSize", "batch.bytes_max = -5", "must be a size", ""},
    {"SizeTooSmall", "memory.budget = '1MiB'", "out of range", "from 128MiB"},
    {"UnknownChoice", "kafka.start = 'earlyest'", "kafka.start is none of the choices",
     "did you mean \"earliest\"?"},
    {"UnknownLevel", "log.level = 'chatty'", "none of the choices",
     "trace, debug, info, warn, error"},
    {"EmptyGroup", "kafka.group_id = ''", "is empty", "usage-ingestd"},
    {"NoTopics", "kafka.topics = []", "is empty", "at least one"},
    {"TopicPattern", "kafka.topics = ['^usage.*']", "cannot be a Kafka topic",
     "patterns are not supported"},
    {"TopicTwice", "kafka.topics = ['a', 'a']", "names something twice", ""},
    {"UnknownMetadata", "events.metadata = ['tag']", "\"tag\"", "did you mean \"tags\"?"},
    {"MetadataPrompt", "events.metadata = ['messages_of_the_user']", "not in the closed list",
     "choose among"},
    {"ListenWithoutPort", "http.listen = '127.0.0.1'", "not an address and a port", "19464"},
    {"ListenBadPort", "http.listen = '127.0.0.1:99999'", "not an address and a port", ""},
    {"ListenBareIpv6", "http.listen = '::1:19464'", "not an address and a port", "[::]"},
    {"OwnedCommit", "kafka.properties.enable.auto.commit = true", "kept in PostgreSQL",
     "remove the line"},
    {"OwnedReset", "kafka.properties.auto.offset.reset = 'latest'", "never skipped silently",
     "kafka.start"},
    {"OwnedGroup", "kafka.properties.group.id = 'x'", "key of its own", "kafka.group_id"},
    {"OwnedFetch", "kafka.properties.fetch.max.bytes = 1000000000", "memory.budget",
     "set memory.budget"},
    {"FetchMin", "kafka.properties.fetch.min.bytes = 100000000", "nothing is read",
     "remove the line"},
    {"FetchWait", "kafka.properties.fetch.wait.max.ms = 60000", "nothing is read",
     "remove the line"},
    {"Cooperative", "kafka.properties.partition.assignment.strategy = 'cooperative-sticky'",
     "assigns all its partitions at once", "range or roundrobin"},
    {"GroupProtocol", "kafka.properties.group.protocol = 'consumer'", "only the classic protocol",
     "remove the line"},
    {"PropertyList", "kafka.properties.debug = ['cgrp']", "must be text", ""},
    {"RecordLargerThanBatch", "events.record_bytes_max = '33MiB'",
     "larger than batch.bytes_max 32MiB", "raise batch.bytes_max to 33MiB"},
    {"BatchesPassBudget", "postgres.writers = 8", "cannot hold 8 writers with batches of 32MiB",
     "raise memory.budget to 977MiB"},
    {"RetriesEndBeforeTheyBegin", "attribution.retry_for = '1m'", "ends before the first retry",
     "raise attribution.retry_for"},
};
INSTANTIATE_TEST_SUITE_P(Each, BadLineTest, ::testing::ValuesIn(kBadLines),
                         [](const auto& each) { return each.param.name; });

TEST(ConfigLoadTest, TellsAllProblemsAtOnce) {
  const LoadedConfig loaded = Load("[kafka]\nbroker = 'x'\n[batch]\nrows_max = 0\nlinger = 3\n");
  EXPECT_EQ(loaded.problems.size(), 5u);  // three lines, and two required keys
}

TEST(ConfigLoadTest, NamesTheMissingKeyTheFileAndTheVariable) {
  const LoadedConfig loaded = Load("kafka.brokers = 'k'\n");
  ASSERT_THAT(
      loaded.problems,
      ElementsAre(AllOf(Field(&Problem::where, "test.toml"),
                        Field(&Problem::what, "postgres.conninfo is missing"),
                        Field(&Problem::fix, HasSubstr("USAGE_INGEST_POSTGRES_CONNINFO")))));
}

TEST(ConfigLoadTest, ACommandWithoutKafkaNeedsNoBrokers) {
  const auto loaded = LoadConfig(ConfigText{"postgres.conninfo = 'host=db'", "f"}, {},
                                 {.kafka = false, .postgres = true});
  EXPECT_THAT(loaded.problems, IsEmpty());
}

TEST(ConfigLoadTest, TheEnvironmentWinsOverTheFile) {
  const LoadedConfig loaded = Load(std::string(kRequired) + "[batch]\nrows_max = 3\n",
                                   {{"USAGE_INGEST_KAFKA_BROKERS", "env:9092"},
                                    {"USAGE_INGEST_KAFKA_TOPICS", "one,two"},
                                    {"USAGE_INGEST_BATCH_ROWS_MAX", "77"},
                                    {"USAGE_INGEST_BATCH_BYTES_MAX", "16MiB"},
                                    {"USAGE_INGEST_EVENTS_METADATA", ""},
                                    {"USAGE_INGEST_DEAD_LETTERS_KEEP", "1d"},
                                    {"USAGE_INGEST_KAFKA_PROPERTIES_SASL_PASSWORD", "s3cret"},
                                    {"PATH", "/bin"}});
  ASSERT_THAT(loaded.problems, IsEmpty());
  EXPECT_EQ(loaded.config.kafka.brokers, "env:9092");
  EXPECT_THAT(loaded.config.kafka.topics, ElementsAre("one", "two"));
  EXPECT_EQ(loaded.config.batch.rows_max, 77u);
  EXPECT_EQ(loaded.config.batch.bytes_max, 16u << 20);
  EXPECT_THAT(loaded.config.events.metadata, IsEmpty());
  EXPECT_EQ(loaded.config.dead_letters_keep, std::chrono::days(1));
  EXPECT_EQ(loaded.config.kafka.properties.at("sasl.password"), "s3cret");
}

TEST(ConfigLoadTest, EveryKeyHasAVariable) {
  for (const ConfigKey& key : ConfigKeys()) {
    std::string name = "USAGE_INGEST_" + key.section + "_" + key.name;
    for (char& c : name) c = static_cast<char>(std::toupper(c));
    const auto loaded = LoadConfig(ConfigText{std::string(kRequired), "f"}, {{name, "\x01"}});
    const bool refused =
        !loaded.problems.empty() && loaded.problems[0].where == "environment variable " + name;
    const bool takes_any_text = key.path() == "kafka.brokers" || key.path() == "kafka.group_id" ||
                                key.path() == "postgres.conninfo";
    EXPECT_NE(refused, takes_any_text) << name;
  }
}

TEST(ConfigLoadTest, AMistypedVariableIsAProblemAndAForeignOneAWarning) {
  const LoadedConfig loaded = Load(std::string(kRequired), {{"USAGE_INGEST_KAFKA_BROKER", "x"},
                                                            {"USAGE_INGEST_BATCH_FOO_BAR_BAZ", "x"},
                                                            {"USAGE_INGEST_ZEBRA", "x"}});
  ASSERT_EQ(loaded.problems.size(), 2u);
  EXPECT_THAT(loaded.problems[0].fix, HasSubstr("USAGE_INGEST_KAFKA_BROKERS"));
  EXPECT_THAT(loaded.problems[1].fix, HasSubstr("unset it"));
  EXPECT_THAT(loaded.warnings, ElementsAre(HasSubstr("USAGE_INGEST_ZEBRA")));
}

// What Kubernetes adds to the environment when a service is named "usage-ingest-kafka".
TEST(ConfigLoadTest, AServiceLinkOfKubernetesIsNoSetting) {
  const LoadedConfig loaded =
      Load(std::string(kRequired), {{"USAGE_INGEST_KAFKA_SERVICE_HOST", "10.0.0.1"},
                                    {"USAGE_INGEST_KAFKA_SERVICE_PORT", "9092"},
                                    {"USAGE_INGEST_KAFKA_SERVICE_PORT_TCP_KAFKA", "9092"},
                                    {"USAGE_INGEST_KAFKA_PORT", "tcp://10.0.0.1:9092"},
                                    {"USAGE_INGEST_KAFKA_PORT_9092_TCP", "tcp://10.0.0.1:9092"},
                                    {"USAGE_INGEST_KAFKA_PORT_9092_TCP_PROTO", "tcp"},
                                    {"USAGE_INGEST_KAFKA_PORT_9092_TCP_PORT", "9092"},
                                    {"USAGE_INGEST_KAFKA_PORT_9092_TCP_ADDR", "10.0.0.1"},
                                    {"USAGE_INGEST_HTTP_PORT_53_UDP_ADDR", "10.0.0.1"}});
  EXPECT_TRUE(loaded.problems.empty()) << loaded.problems.front().where;
  EXPECT_TRUE(loaded.warnings.empty());
}

TEST(ConfigLoadTest, APortThatIsNoServiceLinkIsAProblem) {
  const LoadedConfig loaded =
      Load(std::string(kRequired),
           {{"USAGE_INGEST_HTTP_PORT", "19464"}, {"USAGE_INGEST_HTTP_PORT_NUMBER", "19464"}});
  EXPECT_EQ(loaded.problems.size(), 2u);
}

TEST(ConfigLoadTest, NoMessageRepeatsASecret) {
  const LoadedConfig loaded = Load(
      "[postgres]\nconninfo = ['hunter2']\n[kafka]\nbrokers = 1\n[kafka.properties]\n"
      "group.id = 'hunter2'\nsasl.password = [\"hunter2\"]\n[log]\nlevel = 'hunter2'\n",
      {{"USAGE_INGEST_POSTGRES_WRITERS", "hunter2"}});
  EXPECT_GE(loaded.problems.size(), 5u);
  for (const Problem& problem : loaded.problems) {
    EXPECT_THAT(problem.what + problem.fix + problem.where, Not(HasSubstr("hunter2")));
  }
}

TEST(ConfigLoadTest, EmptySectionsAndDeepNestingDoNoHarm) {
  EXPECT_THAT(LoadWithRequired("[batch]\n[kafka.properties]\n").problems, IsEmpty());
  std::string deep = "x = ";
  for (int i = 0; i < 200; ++i) deep += "{a=";
  EXPECT_EQ(LoadWithRequired(deep).problems.size(), 1u);
}

TEST(ConfigLoadTest, AMissingFileIsExit66) {
  try {
    static_cast<void>(ReadConfigFile("/nonexistent/usage-ingestd.toml"));
    FAIL() << "did not throw";
  } catch (const text::UserError& error) {
    EXPECT_EQ(error.code(), text::ExitCode::kNoInput);
    EXPECT_EQ(error.problem().where, "/nonexistent/usage-ingestd.toml");
    EXPECT_THAT(error.problem().fix, HasSubstr("--config"));
  }
}

TEST(ConfigLoadTest, AFileOfAnotherKindIsRefusedBySize) {
  const std::string path = ::testing::TempDir() + "/huge.toml";
  std::ofstream(path) << std::string(kConfigFileBytesMax + 1, '#');
  EXPECT_THROW(static_cast<void>(ReadConfigFile(path)), text::UserError);
  EXPECT_THROW(static_cast<void>(ReadConfigFile(::testing::TempDir())), text::UserError);
}

}  // namespace
}  // namespace usage_ingest::config
