#include "tests/support/kafka/secure_listeners.h"

#include <fmt/chrono.h>

#include <chrono>
#include <stdexcept>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/made_once.h"

namespace usage_ingest::support {
namespace {

namespace fs = std::filesystem;

constexpr char kStorePassword[] = "changeit";

void Keytool(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "keytool");
  arguments.insert(arguments.end(), {"-storepass", kStorePassword});
  const auto done = RunCommand({.command = arguments}, After(std::chrono::seconds(60)));
  if (done.exit_code != 0) throw std::runtime_error("keytool: " + done.output + done.errors);
}

// Writes `certificate` and the key store `owner`.p12.
void MakeKeyPair(const fs::path& folder, const std::string& owner, const std::string& name,
                 const std::string& certificate) {
  const std::string store = (folder / (owner + ".p12")).string();
  Keytool({"-genkeypair", "-alias", owner, "-keyalg", "EC", "-dname", "CN=" + name, "-ext",
           "san=ip:127.0.0.1", "-keystore", store, "-storetype", "PKCS12"});
  Keytool({"-exportcert", "-rfc", "-alias", owner, "-keystore", store, "-file",
           (folder / certificate).string()});
}

void MakeCertificates(const fs::path& folder) {
  fs::create_directory(folder);
  MakeKeyPair(folder, "broker", "127.0.0.1", "ca.pem");
  MakeKeyPair(folder, "client", kKafkaUser, "client.pem");
  Keytool({"-importcert", "-noprompt", "-alias", "client", "-file",
           (folder / "client.pem").string(), "-keystore", (folder / "trusted.p12").string(),
           "-storetype", "PKCS12"});
}

}  // namespace

SecureListeners::SecureListeners()
    : certificates_(MadeOnce(fmt::format("certificates-{:%Y-%m}", std::chrono::system_clock::now()),
                             MakeCertificates)) {}

KafkaOptions SecureListeners::Options(std::map<std::string, std::string> settings) const {
  settings.merge(Settings());
  return {.listeners = {"SASL_PLAINTEXT://" + Address(Protocol::kSaslPlaintext),
                        "SASL_SSL://" + Address(Protocol::kSaslSsl),
                        "SSL://" + Address(Protocol::kSsl)},
          .settings = std::move(settings)};
}

std::map<std::string, std::string> SecureListeners::RightsAreAsked() {
  return {{"authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"},
          {"super.users", "User:ANONYMOUS"}};
}

void SecureListeners::AddUser(KafkaAdmin& admin) {
  for (const auto mechanism :
       {RD_KAFKA_SCRAM_MECHANISM_SHA_256, RD_KAFKA_SCRAM_MECHANISM_SHA_512}) {
    admin.SetScramPassword(kKafkaUser, mechanism, kScramPassword);
  }
}

std::string SecureListeners::Address(Protocol protocol) const {
  std::uint16_t port = ssl_port_;
  if (protocol == Protocol::kSaslPlaintext) port = sasl_plaintext_port_;
  if (protocol == Protocol::kSaslSsl) port = sasl_ssl_port_;
  return "127.0.0.1:" + std::to_string(port);
}

std::map<std::string, std::string> SecureListeners::Login(Protocol protocol,
                                                          const std::string& mechanism) const {
  const bool with_tls = protocol == Protocol::kSaslSsl;
  std::map<std::string, std::string> properties = {
      {"security.protocol", with_tls ? "SASL_SSL" : "SASL_PLAINTEXT"},
      {"sasl.mechanism", mechanism},
      {"sasl.username", kKafkaUser},
      {"sasl.password", mechanism == "PLAIN" ? kPlainPassword : kScramPassword}};
  if (with_tls) properties["ssl.ca.location"] = authority();
  return properties;
}

std::map<std::string, std::string> SecureListeners::Certificate() const {
  return {{"security.protocol", "SSL"},
          {"ssl.ca.location", authority()},
          {"ssl.keystore.location", Path("client.p12")},
          {"ssl.keystore.password", kStorePassword}};
}

std::map<std::string, std::string> SecureListeners::Settings() const {
  std::map<std::string, std::string> settings = {
      {"listener.security.protocol.map",
       "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,"
       "SSL:SSL"},
      {"sasl.enabled.mechanisms", "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512"},
      {"ssl.keystore.location", Path("broker.p12")},
      {"ssl.keystore.password", kStorePassword},
      {"ssl.keystore.type", "PKCS12"},
      {"listener.name.ssl.ssl.client.auth", "required"},
      {"listener.name.ssl.ssl.truststore.location", Path("trusted.p12")},
      {"listener.name.ssl.ssl.truststore.password", kStorePassword},
      {"listener.name.ssl.ssl.truststore.type", "PKCS12"},
      {"ssl.principal.mapping.rules", "RULE:^CN=(.*?)$/$1/"}};
  const std::string modules = "org.apache.kafka.common.security.";
  for (const char* listener : {"sasl_plaintext", "sasl_ssl"}) {
    const std::string prefix = std::string("listener.name.") + listener + ".";
    for (const char* mechanism : {"scram-sha-256", "scram-sha-512"}) {
      settings[prefix + mechanism + ".sasl.jaas.config"] =
          modules + "scram.ScramLoginModule required;";
    }
    settings[prefix + "plain.sasl.jaas.config"] = modules +
                                                  "plain.PlainLoginModule required user_" +
                                                  kKafkaUser + "=\"" + kPlainPassword + "\";";
  }
  return settings;
}

}  // namespace usage_ingest::support
