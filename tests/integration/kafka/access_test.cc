// What a user may not do, and a broker that does not know it: each is told apart, and the lag stays
// known as long as the broker tells it.
#include "ingest/kafka/client/kafka_probe.h"
#include "tests/integration/kafka/consumer_fixture.h"
#include "tests/integration/kafka/secure_broker.h"

namespace usage_ingest::kafka::consumer {
namespace {

using namespace std::chrono_literals;
using pipeline::KafkaErrorClass;
using pipeline::StuckReason;
using ::testing::HasSubstr;

class AccessTest : public ConsumerFixture {
 protected:
  static void SetUpTestSuite() {
    secure = std::make_unique<SecureBroker>(support::SecureListeners::RightsAreAsked());
  }
  static void TearDownTestSuite() { secure.reset(); }

  [[nodiscard]] std::string brokers() const override { return secure->broker().brokers(); }
  [[nodiscard]] support::KafkaAdmin& admin() const { return secure->broker().admin(); }
  [[nodiscard]] support::KafkaAdmin::Right Topic(rd_kafka_AclOperation_t operation) const {
    return {support::kKafkaUser, RD_KAFKA_RESOURCE_TOPIC, topic_, operation};
  }
  void GrantGroup() {
    admin().Grant(
        {support::kKafkaUser, RD_KAFKA_RESOURCE_GROUP, topic_, RD_KAFKA_ACL_OPERATION_READ});
  }
  [[nodiscard]] HarnessOptions OwnOptions(
      const std::string& password = support::kPlainPassword) const {
    HarnessOptions options = Options({topic_});
    options.kafka.brokers = secure->listeners().Address(Protocol::kSaslPlaintext);
    options.kafka.group_id = topic_;
    options.kafka.properties = secure->listeners().Login(Protocol::kSaslPlaintext, "PLAIN");
    options.kafka.properties["sasl.password"] = password;
    return options;
  }
  [[nodiscard]] TopicPartition Source(int partition) const {
    return {topic_, PartitionId{partition}};
  }
  // Of partition 0; -1: unknown.
  [[nodiscard]] static std::int64_t LagOf(const ConsumerHarness& harness,
                                          const TopicPartition& source) {
    const auto lags = harness.telemetry.lags();
    const auto found = lags.find(source);
    if (found == lags.end() || !found->second.high_watermark) return -1;
    return found->second.high_watermark->value - found->second.committed.value;
  }

  const std::string topic_ = ::testing::UnitTest::GetInstance()->current_test_info()->name();
  static std::unique_ptr<SecureBroker> secure;
};
std::unique_ptr<SecureBroker> AccessTest::secure;

// The story: no READ on the topic, and check-config said ok, /readyz 200, and no lag at all.
TEST_F(AccessTest, WithoutReadOnTheTopicTheLagIsKnownAndTheReasonSaid) {
  secure->broker().CreateTopic(topic_, 2);
  Produce(topic_, 2, 20);
  GrantGroup();
  admin().Grant(Topic(RD_KAFKA_ACL_OPERATION_DESCRIBE));
  ConsumerHarness harness(OwnOptions(), database_);
  harness.Start();
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.stuck().size() == 2; }));
  EXPECT_EQ(harness.telemetry.stuck().at(Source(0)).reason, StuckReason::kAuthorization);
  EXPECT_THAT(harness.telemetry.stuck().at(Source(0)).why, HasSubstr("allow READ on the topic"));
  EXPECT_GT(harness.telemetry.Errors(KafkaErrorClass::kAuthorization), 0);
  EXPECT_TRUE(Eventually([&] { return LagOf(harness, Source(0)) == 20; }));
  admin().Grant(Topic(RD_KAFKA_ACL_OPERATION_READ));
  ExpectEverythingOnce(harness);
  EXPECT_TRUE(Eventually([&] { return harness.telemetry.stuck().empty(); }));
}

TEST_F(AccessTest, ARightThatIsTakenAwayAndGivenBack) {
  secure->broker().CreateTopic(topic_, 1);
  Produce(topic_, 1, 20);
  GrantGroup();
  admin().Grant(Topic(RD_KAFKA_ACL_OPERATION_DESCRIBE));
  admin().Grant(Topic(RD_KAFKA_ACL_OPERATION_READ));
  ConsumerHarness harness(OwnOptions(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  admin().Revoke(Topic(RD_KAFKA_ACL_OPERATION_READ));
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.stuck().contains(Source(0)); }));
  Produce(topic_, 1, 7);
  EXPECT_TRUE(Eventually([&] { return LagOf(harness, Source(0)) == 7; }))
      << LagOf(harness, Source(0));
  admin().Grant(Topic(RD_KAFKA_ACL_OPERATION_READ));
  ExpectEverythingOnce(harness);
  EXPECT_TRUE(Eventually([&] { return harness.telemetry.stuck().empty(); }));
  EXPECT_TRUE(Eventually([&] { return LagOf(harness, Source(0)) == 0; }));
}

TEST_F(AccessTest, ARightThatComesBackOnAQuietTopicEndsTheState) {
  secure->broker().CreateTopic(topic_, 1);
  Produce(topic_, 1, 3);
  GrantGroup();
  admin().Grant(Topic(RD_KAFKA_ACL_OPERATION_DESCRIBE));
  admin().Grant(Topic(RD_KAFKA_ACL_OPERATION_READ));
  ConsumerHarness harness(OwnOptions(), database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  admin().Revoke(Topic(RD_KAFKA_ACL_OPERATION_READ));
  ASSERT_TRUE(Eventually([&] { return harness.telemetry.stuck().contains(Source(0)); }));
  admin().Grant(Topic(RD_KAFKA_ACL_OPERATION_READ));
  EXPECT_TRUE(Eventually([&] { return harness.telemetry.stuck().empty(); }));
}

TEST_F(AccessTest, AWrongPasswordIsAnErrorOfAuthentication) {
  ConsumerHarness harness(OwnOptions("wrong"), database_);
  harness.Start();
  EXPECT_TRUE(
      Eventually([&] { return harness.telemetry.Errors(KafkaErrorClass::kAuthentication) > 0; }));
}

TEST_F(AccessTest, AGroupThatMayNotBeReadIsAnErrorOfAuthorization) {
  secure->broker().CreateTopic(topic_, 1);
  admin().Grant(Topic(RD_KAFKA_ACL_OPERATION_READ));
  ConsumerHarness harness(OwnOptions(), database_);
  harness.Start();
  EXPECT_TRUE(
      Eventually([&] { return harness.telemetry.Errors(KafkaErrorClass::kAuthorization) > 0; }));
}

TEST_F(AccessTest, AnAuthorityThatIsNotTrustedIsAnErrorOfTls) {
  HarnessOptions options = OwnOptions();
  options.kafka.brokers = secure->listeners().Address(Protocol::kSaslSsl);
  options.kafka.properties["security.protocol"] = "SASL_SSL";
  ConsumerHarness harness(options, database_);
  harness.Start();
  EXPECT_TRUE(Eventually([&] { return harness.telemetry.Errors(KafkaErrorClass::kTls) > 0; }));
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
