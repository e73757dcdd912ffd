// Logging in to a real Apache Kafka: each mechanism that the documentation names, with and without
// TLS.
#include "ingest/kafka/client/kafka_probe.h"
#include "tests/integration/kafka/consumer_fixture.h"
#include "tests/support/child_process.h"
#include "tests/support/free_port.h"
#include "tests/support/kafka_broker.h"

namespace usage_ingest::kafka::consumer {
namespace {

using namespace std::chrono_literals;

constexpr char kUser[] = "usage-ingestd";
constexpr char kPassword[] = "right, and with \"signs\"";

// SecureBroker: a broker with listeners for SASL beside the plain one of the tests themselves.
class SecureBroker {
 public:
  SecureBroker() {
    MakeCertificate();
    broker_ = std::make_unique<support::KafkaBroker>(support::KafkaOptions{
        .listeners = {"SASL_PLAINTEXT://" + Address(false), "SASL_SSL://" + Address(true)},
        .settings = Settings()});
    for (const auto mechanism :
         {RD_KAFKA_SCRAM_MECHANISM_SHA_256, RD_KAFKA_SCRAM_MECHANISM_SHA_512}) {
      broker_->admin().SetScramPassword(kUser, mechanism, kPassword);
    }
  }

  [[nodiscard]] support::KafkaBroker& broker() { return *broker_; }
  [[nodiscard]] std::string Address(bool with_tls) const {
    return "127.0.0.1:" + std::to_string(with_tls ? tls_port_ : plaintext_port_);
  }
  [[nodiscard]] std::string authority() const { return (files_.path() / "ca.pem").string(); }

 private:
  void MakeCertificate() {
    const std::string store = (files_.path() / "broker.p12").string();
    Keytool({"-genkeypair", "-alias", "broker", "-keyalg", "EC", "-dname", "CN=127.0.0.1", "-ext",
             "san=ip:127.0.0.1", "-keystore", store, "-storetype", "PKCS12"});
    Keytool({"-exportcert", "-rfc", "-alias", "broker", "-keystore", store, "-file", authority()});
  }
  static void Keytool(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "keytool");
    arguments.insert(arguments.end(), {"-storepass", "changeit"});
    const auto done = support::RunCommand({.command = arguments}, support::After(60s));
    if (done.exit_code != 0) throw std::runtime_error("keytool: " + done.output + done.errors);
  }
  [[nodiscard]] std::map<std::string, std::string> Settings() const {
    std::map<std::string, std::string> settings = {
        {"listener.security.protocol.map",
         "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_"
         "SSL"},
        {"sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"},
        {"ssl.keystore.location", (files_.path() / "broker.p12").string()},
        {"ssl.keystore.password", "changeit"},
        {"ssl.keystore.type", "PKCS12"}};
    const std::string modules = "org.apache.kafka.common.security.";
    for (const char* listener : {"sasl_plaintext", "sasl_ssl"}) {
      const std::string prefix = std::string("listener.name.") + listener + ".";
      for (const char* mechanism : {"scram-sha-256", "scram-sha-512"}) {
        settings[prefix + mechanism + ".sasl.jaas.config"] =
            modules + "scram.ScramLoginModule required;";
      }
      settings[prefix + "plain.sasl.jaas.config"] =
          modules + "plain.PlainLoginModule required user_" + kUser + "=\"plain secret\";";
    }
    return settings;
  }

  support::TempDir files_;
  std::uint16_t plaintext_port_ = support::FreePort();
  std::uint16_t tls_port_ = support::FreePort();
  std::unique_ptr<support::KafkaBroker> broker_;
};

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
    return GetParam().mechanism == "PLAIN" ? "plain secret" : kPassword;
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
