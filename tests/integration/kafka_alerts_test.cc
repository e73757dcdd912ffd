// What Kafka does to the real daemon, and which alerts its own scrapes fire.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/kafka/secure_listeners.h"
#include "tests/support/pipeline/alert_history.h"
#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
using Protocol = SecureListeners::Protocol;
using Right = KafkaAdmin::Right;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kGroup[] = "usage-ingestd";
constexpr char kErrors[] = "usage_ingest_kafka_errors_total";

const SecureListeners& Listeners() {
  static const SecureListeners listeners;
  return listeners;
}

class KafkaAlertsTest : public PipelineTest {
 protected:
  KafkaAlertsTest()
      : PipelineTest({.kafka = Listeners().Options(SecureListeners::RightsAreAsked())}) {}

  void SetUp() override {
    PipelineTest::SetUp();
    SecureListeners::AddUser(kafka_.admin());
    for (const Right& right : Rights()) kafka_.admin().Grant(right);
    load_ = std::make_unique<GeneratedLoad>(LoadOptions{}, kTopic);
    Install(*load_);
  }

  static Right ReadTopic() {
    return {kKafkaUser, RD_KAFKA_RESOURCE_TOPIC, kTopic, RD_KAFKA_ACL_OPERATION_READ};
  }
  static Right ReadGroup() {
    return {kKafkaUser, RD_KAFKA_RESOURCE_GROUP, kGroup, RD_KAFKA_ACL_OPERATION_READ};
  }
  static std::vector<Right> Rights() {
    return {ReadTopic(),
            ReadGroup(),
            {kKafkaUser, RD_KAFKA_RESOURCE_TOPIC, kTopic, RD_KAFKA_ACL_OPERATION_DESCRIBE}};
  }
  [[nodiscard]] DaemonOptions Secure() const {
    DaemonOptions options = DaemonDefaults();
    options.brokers = Listeners().Address(Protocol::kSaslSsl);
    options.kafka_properties.merge(Listeners().Login(Protocol::kSaslSsl, "SCRAM-SHA-512"));
    return options;
  }
  static std::string Scrape(const DaemonProcess& daemon) { return daemon.Get("/metrics").body; }
  static double Errors(const DaemonProcess& daemon, const std::string& error_class) {
    return daemon.Metric(kErrors, {"class=\"" + error_class + "\""});
  }
  // The error is in the first scrape, and need not come again: first the cause is reported, then
  // what it means. On a busy machine the error can come before the lanes are connected.
  static void ExpectRefused(const DaemonOptions& options, const std::string& error_class) {
    DaemonProcess daemon(options);
    daemon.Start();
    ASSERT_TRUE(WaitUntil(After(30s), [&] {
      return Errors(daemon, error_class) > 0 && daemon.Metric("usage_ingest_postgres_up") == 1;
    })) << daemon.log();
    AlertHistory history;
    history.Add(Scrape(daemon), 15min);
    EXPECT_THAT(history.FiringAt(0min), ElementsAre("UsageIngestKafkaRefused")) << error_class;
    EXPECT_THAT(history.FiringAt(4min), ElementsAre("UsageIngestKafkaRefused")) << error_class;
    EXPECT_THAT(history.FiringAt(5min),
                ElementsAre("UsageIngestKafkaDown", "UsageIngestKafkaRefused"))
        << error_class;
    EXPECT_THAT(
        history.FiringAt(10min),
        ElementsAre("UsageIngestKafkaDown", "UsageIngestKafkaRefused", "UsageIngestNotReady"))
        << error_class;
  }

  std::unique_ptr<GeneratedLoad> load_;
};

TEST_F(KafkaAlertsTest, ARefusalIsToldFromTheStart) {
  DaemonOptions options = Secure();
  options.kafka_properties["sasl.password"] = "wrong";
  ExpectRefused(options, "authentication");
  options = Secure();
  options.kafka_properties.erase("ssl.ca.location");
  ExpectRefused(options, "tls");
  kafka_.admin().Revoke(ReadGroup());
  ExpectRefused(Secure(), "authorization");
}

TEST_F(KafkaAlertsTest, ARightThatIsTakenAwayAndGivenBack) {
  DaemonProcess daemon(Secure());
  daemon.StartAndWait();
  Producer producer(kafka_.brokers());
  load_->Publish(producer, 500);
  const auto expected = static_cast<std::int64_t>(load_->expectation().inserted());
  ASSERT_TRUE(WaitForRows(expected)) << daemon.log();
  ASSERT_TRUE(
      WaitUntil(After(30s), [&] { return daemon.Metric("usage_ingest_lag_records") == 0; }));
  AlertHistory history;
  history.Add(Scrape(daemon), 10min);
  EXPECT_THAT(history.FiringAt(9min), IsEmpty());
  kafka_.admin().Revoke(ReadTopic());
  ASSERT_TRUE(WaitUntil(After(60s), [&] {
    return daemon.Metric("usage_ingest_partition_stuck", {"reason=\"authorization\""}) ==
           partitions_;
  })) << daemon.log();
  history.Add(Scrape(daemon), 10min);
  EXPECT_THAT(history.FiringAt(10min), ElementsAre("UsageIngestKafkaRefused"));
  EXPECT_THAT(history.FiringAt(12min),
              ElementsAre("UsageIngestKafkaRefused", "UsageIngestPartitionStuck"));
  kafka_.admin().Grant(ReadTopic());
  ASSERT_TRUE(WaitUntil(After(60s), [&] {
    return daemon.Metric("usage_ingest_partition_stuck") == 0;
  })) << daemon.log();
  history.Add(Scrape(daemon), 20min);
  EXPECT_THAT(history.FiringAt(20min), ElementsAre("UsageIngestKafkaRefused"));
  EXPECT_THAT(history.FiringAt(39min), IsEmpty());
}

TEST_F(KafkaAlertsTest, NoBrokerAnswers) {
  DaemonProcess daemon(Secure());
  daemon.StartAndWait();
  AlertHistory history;
  history.Add(Scrape(daemon), 10min);
  EXPECT_THAT(history.FiringAt(9min), IsEmpty());
  kafka_.Kill();
  ASSERT_TRUE(WaitUntil(After(60s), [&] { return daemon.Metric("usage_ingest_kafka_up") == 0; }))
      << daemon.log();
  history.Add(Scrape(daemon), 12min);
  EXPECT_THAT(history.FiringAt(14min), IsEmpty());
  EXPECT_THAT(history.FiringAt(15min), ElementsAre("UsageIngestKafkaDown"));
  EXPECT_THAT(history.FiringAt(20min), ElementsAre("UsageIngestKafkaDown", "UsageIngestNotReady"));
}

// An instance that starts and stops: both are a rebalance for the others.
TEST_F(KafkaAlertsTest, AnInstanceStartsAndStopsAgainAndAgain) {
  constexpr char kRebalances[] = "usage_ingest_rebalances_total";
  DaemonProcess daemon(Secure());
  daemon.StartAndWait();
  AlertHistory history;
  history.Add(Scrape(daemon), 40min);
  const double before = daemon.Metric(kRebalances);
  DaemonProcess other(Secure());
  for (int time = 0; time < 11 && daemon.Metric(kRebalances) <= before + 10; ++time) {
    other.StartAndWait();
    ASSERT_EQ(other.Terminate(), 0) << other.log();
  }
  ASSERT_GT(daemon.Metric(kRebalances), before + 10) << daemon.log();
  daemon.WaitReady();
  history.Add(Scrape(daemon), 60min);
  EXPECT_THAT(history.FiringAt(39min), IsEmpty());
  EXPECT_THAT(history.FiringAt(41min), ElementsAre("UsageIngestRebalancing"));
  EXPECT_THAT(history.FiringAt(99min), IsEmpty());
}

}  // namespace
}  // namespace usage_ingest::support
