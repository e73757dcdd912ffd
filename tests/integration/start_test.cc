// Bad input is refused clearly, and what is away is waited for.
#include <gtest/gtest.h>

#include "tests/support/network/silent_server.h"
#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

constexpr int kExitConfig = 78;
constexpr int kExitUnavailable = 69;

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(StartTest, UnknownConfigurationKeyNamesLineAndSuggestion) {
  const DaemonProcess daemon({.brokers = "127.0.0.1:1",
                              .conninfo = "host=127.0.0.1",
                              .settings = {{"batch", {{"row_max", "5"}}}}});
  const CommandResult result = daemon.Run({"check-config"});
  EXPECT_EQ(result.exit_code, kExitConfig);
  EXPECT_TRUE(Holds(result.errors, "row_max")) << result.errors;
  EXPECT_TRUE(Holds(result.errors, "rows_max")) << result.errors;
  EXPECT_TRUE(Holds(result.errors, ":2")) << result.errors;  // the line
}

// Each is accepted alone; only a client that is made with all of them refuses.
TEST(StartTest, CheckConfigRefusesPropertiesThatRunWouldRefuse) {
  const std::vector<std::map<std::string, std::string>> refused = {
      {{"max.poll.interval.ms", "5000"}, {"session.timeout.ms", "6000"}},
      {{"security.protocol", "SSL"}, {"ssl.ca.location", "/no/such/file"}},
      {{"security.protocol", "SASL_PLAINTEXT"}, {"sasl.mechanism", "SCRAM-SHA-1"}}};
  for (const auto& properties : refused) {
    const DaemonProcess daemon(
        {.brokers = "127.0.0.1:1", .conninfo = "host=127.0.0.1", .kafka_properties = properties});
    const CommandResult result = daemon.Run({"check-config"});
    EXPECT_EQ(result.exit_code, kExitConfig) << properties.begin()->first << result.output;
    EXPECT_TRUE(Holds(result.errors, "kafka.properties")) << result.errors;
  }
}

TEST(StartTest, UnmigratedDatabaseEndsWith78AndSaysMigrate) {
  PostgresCluster postgres({.fsync = false});
  postgres.CreateDatabase("empty");
  DaemonProcess daemon({.brokers = "127.0.0.1:1", .conninfo = postgres.conninfo("empty")});
  daemon.Start();
  EXPECT_EQ(daemon.WaitExit(), kExitConfig);
  EXPECT_TRUE(Holds(daemon.log(), "usage-ingestd migrate")) << daemon.log();
}

// It would end the process while PostgreSQL may still answer a statement.
TEST(StartTest, AWatchdogThatIsShorterThanAStatementEndsWith78) {
  DaemonProcess daemon({.brokers = "127.0.0.1:1",
                        .conninfo = "host=127.0.0.1",
                        .environment = {{"WATCHDOG_USEC", "20000000"}}});
  daemon.Start();
  EXPECT_EQ(daemon.WaitExit(), kExitConfig);
  EXPECT_TRUE(Holds(daemon.log(), "WatchdogSec is 20000 ms")) << daemon.log();
}

TEST(StartTest, CheckConfigConnectSaysUnavailable) {
  const DaemonProcess daemon(
      {.brokers = "127.0.0.1:1", .conninfo = "host=127.0.0.1 port=1 dbname=x connect_timeout=1"});
  const CommandResult result = daemon.Run({"check-config", "--connect"});
  EXPECT_EQ(result.exit_code, kExitUnavailable) << result.output << result.errors;
}

class StartOnPartsTest : public PipelineTest {
 protected:
  StartOnPartsTest() : PipelineTest({.kafka = {.own = true}}) {}
};

TEST_F(StartOnPartsTest, ATriggerThatWouldCountTwiceEndsWith78AndTheFix) {
  database_.Execute(
      "CREATE OR REPLACE TRIGGER update_usage_on_log AFTER INSERT ON usage_logs "
      "FOR EACH ROW EXECUTE FUNCTION update_usage_summary()");
  DaemonProcess daemon(DaemonDefaults());
  daemon.Start();
  EXPECT_EQ(daemon.WaitExit(), kExitConfig);
  EXPECT_TRUE(Holds(daemon.log(), "update_usage_on_log")) << daemon.log();
  EXPECT_TRUE(Holds(daemon.log(), "usage_ingest.aggregating")) << daemon.log();
}

TEST_F(StartOnPartsTest, CheckConfigConnectIsContentWithWhatMigrateMade) {
  const DaemonProcess daemon(DaemonDefaults());
  const CommandResult result = daemon.Run({"check-config", "--connect"});
  EXPECT_EQ(result.exit_code, 0) << result.output << result.errors;
}

// The story: with "constraints" it said "by batch" where the role may skip them.
TEST_F(StartOnPartsTest, CheckConfigConnectSaysHowForeignKeysAreKept) {
  DaemonOptions options = DaemonDefaults();
  const auto check = [&](const std::string& foreign_keys) {
    options.settings["postgres"]["foreign_keys"] = "\"" + foreign_keys + "\"";
    return DaemonProcess(options).Run({"check-config", "--connect"});
  };
  EXPECT_TRUE(Holds(check("auto").output, "foreign keys by batch"));
  EXPECT_TRUE(Holds(check("constraints").output, "foreign keys by constraints"));
  database_.Execute(std::string("REVOKE SET ON PARAMETER session_replication_role FROM ") +
                    kDaemonRole);
  EXPECT_TRUE(Holds(check("auto").output, "foreign keys by constraints"));
  const CommandResult refused = check("batch");
  EXPECT_EQ(refused.exit_code, kExitConfig) << refused.output;
  EXPECT_TRUE(Holds(refused.output,
                    "FAIL  postgres.foreign_keys is \"batch\", but this role may "
                    "not set session_replication_role; fix: GRANT SET"))
      << refused.output;
}

TEST_F(StartOnPartsTest, AnUnreachableBrokerIsWaitedFor) {
  GeneratedLoad load({.events = 500}, kTopic);
  Install(load);
  Producer producer(kafka_.brokers());
  load.PublishAll(producer);
  kafka_.Stop();
  DaemonProcess daemon(DaemonDefaults());
  daemon.Start();
  ASSERT_TRUE(WaitUntil(After(20s), [&] { return daemon.Get("/healthz").status == 200; }));
  const HttpReply ready = daemon.Get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_FALSE(ready.body.empty());
  kafka_.Start();
  daemon.WaitReady();
  ExpectTotalsMatch(load.Expected(producer));
}

TEST_F(StartOnPartsTest, AnUnreachableDatabaseIsWaitedFor) {
  GeneratedLoad load({.events = 500}, kTopic);
  Install(load);
  Producer producer(kafka_.brokers());
  load.PublishAll(producer);
  postgres_.Stop(PostgresCluster::StopMode::kFast);
  DaemonProcess daemon(DaemonDefaults());
  daemon.Start();
  ASSERT_TRUE(WaitUntil(After(20s), [&] { return daemon.Get("/healthz").status == 200; }));
  EXPECT_EQ(daemon.Get("/readyz").status, 503);
  postgres_.Start();
  daemon.WaitReady();
  ExpectTotalsMatch(load.Expected(producer));
}

TEST_F(StartOnPartsTest, ABusyPortStopsOnlyTheStatusPage) {
  GeneratedLoad load({.events = 500}, kTopic);
  Install(load);
  Producer producer(kafka_.brokers());
  load.PublishAll(producer);
  DaemonProcess daemon(DaemonDefaults());
  auto other = std::make_unique<SilentServer>(daemon.http_port());
  daemon.Start();
  ExpectTotalsMatch(load.Expected(producer));
  const std::string log = daemon.log();
  const std::size_t first = log.find("http.listen");
  EXPECT_NE(first, std::string::npos) << log;
  other.reset();
  daemon.WaitReady();
  EXPECT_EQ(daemon.log().find("http.listen", first + 1), std::string::npos) << "said once";
  EXPECT_EQ(daemon.Terminate(), 0);
}

TEST_F(StartOnPartsTest, ABusyPortDoesNotDelayTheEnd) {
  DaemonProcess daemon(DaemonDefaults());
  const SilentServer other(daemon.http_port());
  daemon.Start();
  ASSERT_TRUE(WaitUntil(After(20s), [&] { return Holds(daemon.log(), "http.listen"); }));
  EXPECT_EQ(daemon.Terminate(), 0);
}

TEST_F(StartOnPartsTest, AMissingTopicIsWaitedFor) {
  GeneratedLoad load({.events = 500}, "later");
  Install(load);
  DaemonOptions options = DaemonDefaults();
  options.topics = {"later"};
  DaemonProcess daemon(options);
  daemon.Start();
  ASSERT_TRUE(WaitUntil(After(20s), [&] { return daemon.Get("/healthz").status == 200; }));
  kafka_.CreateTopic("later", 2);
  Producer producer(kafka_.brokers());
  load.PublishAll(producer);
  ExpectTotalsMatch(load.Expected(producer));
}

}  // namespace
}  // namespace usage_ingest::support
