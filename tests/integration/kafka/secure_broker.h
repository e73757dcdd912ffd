#pragma once
// SecureBroker: a broker with listeners for SASL beside the plain one of the tests themselves.
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/free_port.h"
#include "tests/support/kafka_broker.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::kafka::consumer {

inline constexpr char kUser[] = "usage-ingestd";
inline constexpr char kPlainPassword[] = "plain secret";
inline constexpr char kPassword[] = "right, and with \"signs\"";

class SecureBroker {
 public:
  // `settings`: server.properties, over ours.
  explicit SecureBroker(std::map<std::string, std::string> settings = {}) {
    MakeCertificate();
    settings.merge(Settings());
    broker_ = std::make_unique<support::KafkaBroker>(support::KafkaOptions{
        .listeners = {"SASL_PLAINTEXT://" + Address(false), "SASL_SSL://" + Address(true)},
        .settings = std::move(settings)});
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
    const auto done =
        support::RunCommand({.command = arguments}, support::After(std::chrono::seconds(60)));
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
      settings[prefix + "plain.sasl.jaas.config"] = modules +
                                                    "plain.PlainLoginModule required user_" +
                                                    kUser + "=\"" + kPlainPassword + "\";";
    }
    return settings;
  }

  support::TempDir files_;
  std::uint16_t plaintext_port_ = support::FreePort();
  std::uint16_t tls_port_ = support::FreePort();
  std::unique_ptr<support::KafkaBroker> broker_;
};

}  // namespace usage_ingest::kafka::consumer
