// Logging in to a real Apache Kafka: each mechanism that the documentation names, with and without
// TLS, with a certificate, and again when the broker asks for it.
#include "ingest/kafka/client/kafka_probe.h"
#include "tests/integration/kafka/consumer_fixture.h"
#include "tests/integration/kafka/secure_broker.h"

namespace usage_ingest::kafka::consumer {
namespace {

using namespace std::chrono_literals;
using pipeline::KafkaErrorClass;
using ::testing::HasSubstr;

struct Login {
  std::string name;
  Protocol protocol = Protocol::kSaslPlaintext;
  std::string mechanism = {};  // empty: the certificate alone
};
// The name of a test in ctest would else be the bytes of the structure, pointers among them.
void PrintTo(const Login& login, std::ostream* out) { *out << login.name; }

class LoginFixture : public ConsumerFixture {
 protected:
  [[nodiscard]] std::string brokers() const override { return secure->broker().brokers(); }
  [[nodiscard]] HarnessOptions LoginOptions(const Login& login) const {
    HarnessOptions options = Options({login.name});
    options.kafka.brokers = secure->listeners().Address(login.protocol);
    options.kafka.group_id = login.name;
    options.kafka.properties = login.mechanism.empty()
                                   ? secure->listeners().Certificate()
                                   : secure->listeners().Login(login.protocol, login.mechanism);
    return options;
  }

  static std::unique_ptr<SecureBroker> secure;
};
std::unique_ptr<SecureBroker> LoginFixture::secure;

class SaslTest : public LoginFixture, public ::testing::WithParamInterface<Login> {
 protected:
  static void SetUpTestSuite() { secure = std::make_unique<SecureBroker>(); }
  static void TearDownTestSuite() { secure.reset(); }
};

TEST_P(SaslTest, LogsInAndReads) {
  secure->broker().CreateTopic(GetParam().name, 2);
  Produce(GetParam().name, 2, 100);
  const HarnessOptions options = LoginOptions(GetParam());
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
  HarnessOptions options = LoginOptions(GetParam());
  if (GetParam().mechanism.empty()) {
    options.kafka.properties.erase("ssl.keystore.location");
    options.kafka.properties.erase("ssl.keystore.password");
  } else {
    options.kafka.properties["sasl.password"] = "wrong";
  }
  const auto probed = client::ProbeKafka(options.kafka, 3s);
  ASSERT_FALSE(probed.has_value());
  EXPECT_THAT(probed.error().context,
              HasSubstr(GetParam().mechanism.empty() ? "bad certificate" : "uthentication failed"));
}

INSTANTIATE_TEST_SUITE_P(
    Each, SaslTest,
    ::testing::Values(Login{"Scram256", Protocol::kSaslPlaintext, "SCRAM-SHA-256"},
                      Login{"Scram512", Protocol::kSaslPlaintext, "SCRAM-SHA-512"},
                      Login{"Plain", Protocol::kSaslPlaintext, "PLAIN"},
                      Login{"Scram256Tls", Protocol::kSaslSsl, "SCRAM-SHA-256"},
                      Login{"Scram512Tls", Protocol::kSaslSsl, "SCRAM-SHA-512"},
                      Login{"PlainTls", Protocol::kSaslSsl, "PLAIN"},
                      Login{"Certificate", Protocol::kSsl}),
    [](const auto& login) { return login.param.name; });

// The broker ends a connection whose login is older than this, unless the client logs in again.
// librdkafka does at nine tenths of it: the last tenth is what a busy machine may need for that.
constexpr auto kLoginMax = 5s;

class ReauthenticationTest : public LoginFixture {
 protected:
  static void SetUpTestSuite() {
    secure = std::make_unique<SecureBroker>(std::map<std::string, std::string>{
        {"connections.max.reauth.ms",
         std::to_string(std::chrono::milliseconds(kLoginMax).count())}});
  }
  static void TearDownTestSuite() { secure.reset(); }
  void SetPassword(const std::string& password) {
    secure->broker().admin().SetScramPassword(support::kKafkaUser, RD_KAFKA_SCRAM_MECHANISM_SHA_512,
                                              password);
  }
};

TEST_F(ReauthenticationTest, LogsInAgainWithoutLosingAConnection) {
  secure->broker().CreateTopic("t", 2);
  ConsumerHarness harness(LoginOptions({"t", Protocol::kSaslSsl, "SCRAM-SHA-512"}), database_);
  harness.Start();
  Produce("t", 2, 50);
  ExpectEverythingOnce(harness);
  const int errors = harness.telemetry.transient_errors;
  const int rebalances = harness.telemetry.rebalances;
  const int authentication = harness.telemetry.Errors(KafkaErrorClass::kAuthentication);
  EXPECT_TRUE(support::HoldsFor(3 * kLoginMax, [&] {
    Produce("t", 2, 1);
    return harness.telemetry.transient_errors == errors &&
           harness.telemetry.Errors(KafkaErrorClass::kAuthentication) == authentication;
  }));
  ExpectEverythingOnce(harness);
  EXPECT_EQ(harness.telemetry.rebalances, rebalances);
}

TEST_F(ReauthenticationTest, APasswordThatIsChangedIsNoticedAndGoesOnWhenItIsRightAgain) {
  secure->broker().CreateTopic("changed", 2);
  ConsumerHarness harness(LoginOptions({"changed", Protocol::kSaslSsl, "SCRAM-SHA-512"}),
                          database_);
  harness.Start();
  Produce("changed", 2, 50);
  ExpectEverythingOnce(harness);
  SetPassword("another");
  EXPECT_TRUE(
      Eventually([&] { return harness.telemetry.Errors(KafkaErrorClass::kAuthentication) > 0; }));
  Produce("changed", 2, 50);
  SetPassword(support::kScramPassword);
  ExpectEverythingOnce(harness);
  EXPECT_TRUE(harness.Stop().has_value());
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
