// Logging in to a real Apache Kafka: each mechanism that the documentation names, with and without
// TLS.
#include "ingest/kafka/client/kafka_probe.h"
#include "tests/integration/kafka/consumer_fixture.h"
#include "tests/integration/kafka/secure_broker.h"

namespace usage_ingest::kafka::consumer {
namespace {

using namespace std::chrono_literals;

struct Login {
  std::string name;
  std::string mechanism;
  bool with_tls;
};

class SaslTest : public ConsumerFixture, public ::testing::WithParamInterface<Login> {
 protected:
  static void SetUpTestSuite() { secure_ = std::make_unique<SecureBroker>(); }
  static void TearDownTestSuite() { secure_.reset(); }

  [[nodiscard]] std::string brokers() const override { return secure_->broker().brokers(); }
  [[nodiscard]] HarnessOptions LoginOptions(const std::string& password) const {
    HarnessOptions options = Options({GetParam().name});
    options.kafka.brokers = secure_->Address(GetParam().with_tls);
    options.kafka.group_id = GetParam().name;
    options.kafka.properties = {
        {"security.protocol", GetParam().with_tls ? "SASL_SSL" : "SASL_PLAINTEXT"},
        {"sasl.mechanism", GetParam().mechanism},
        {"sasl.username", kUser},
        {"sasl.password", password}};
    if (GetParam().with_tls) options.kafka.properties["ssl.ca.location"] = secure_->authority();
    return options;
  }
  [[nodiscard]] static std::string password() {
    return GetParam().mechanism == "PLAIN" ? kPlainPassword : kPassword;
  }

  static std::unique_ptr<SecureBroker> secure_;
};
std::unique_ptr<SecureBroker> SaslTest::secure_;

TEST_P(SaslTest, LogsInAndReads) {
  secure_->broker().CreateTopic(GetParam().name, 2);
  Produce(GetParam().name, 2, 100);
  const HarnessOptions options = LoginOptions(password());
  // The broker takes a moment to become the coordinator of its first group.
  EXPECT_TRUE(Eventually([&] {
    const auto probed = client::ProbeKafka(options.kafka, 30s);
    return probed && probed->topics.at(0).problem.empty() && probed->group_problem.empty();
  }));
  ConsumerHarness harness(options, database_);
  harness.Start();
  ExpectEverythingOnce(harness);
  EXPECT_TRUE(harness.Stop().has_value());
}

TEST_P(SaslTest, SaysThatThePasswordIsWrong) {
  const auto probed = client::ProbeKafka(LoginOptions("wrong").kafka, 3s);
  ASSERT_FALSE(probed.has_value());
  EXPECT_THAT(probed.error().context, ::testing::HasSubstr("uthentication failed"));
}

INSTANTIATE_TEST_SUITE_P(Each, SaslTest,
                         ::testing::Values(Login{"Scram256", "SCRAM-SHA-256", false},
                                           Login{"Scram512", "SCRAM-SHA-512", false},
                                           Login{"Plain", "PLAIN", false},
                                           Login{"Scram256Tls", "SCRAM-SHA-256", true},
                                           Login{"Scram512Tls", "SCRAM-SHA-512", true},
                                           Login{"PlainTls", "PLAIN", true}),
                         [](const auto& login) { return login.param.name; });

}  // namespace
}  // namespace usage_ingest::kafka::consumer
