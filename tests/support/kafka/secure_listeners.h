#pragma once
// SecureListeners: what a KafkaBroker needs to be reached by SASL, TLS and mutual TLS, and what a
// client needs to reach it. The plain listener stays, for the test itself.
//
// The keys and certificates are the same for all tests of a month; keytool makes them for 90 days.
//
// Owner         the test.
// Source        Apache Kafka's documentation, "Security".
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "tests/support/kafka/kafka_broker.h"
#include "tests/support/network/free_port.h"

namespace usage_ingest::support {

// The user of every mechanism and the name in the client's certificate.
inline constexpr char kKafkaUser[] = "usage-ingestd";
inline constexpr char kPlainPassword[] = "plain secret";
inline constexpr char kScramPassword[] = "right, and with \"signs\"";

class SecureListeners {
 public:
  enum class Protocol : unsigned char { kSaslPlaintext, kSaslSsl, kSsl };

  SecureListeners();

  // `settings`: server.properties, over those of the listeners.
  [[nodiscard]] KafkaOptions Options(std::map<std::string, std::string> settings = {}) const;
  // More of them: the broker asks for each right of a user. The plain listener may do everything.
  [[nodiscard]] static std::map<std::string, std::string> RightsAreAsked();
  // SCRAM passwords are kept in the cluster, so they need a broker that runs.
  static void AddUser(KafkaAdmin& admin);

  [[nodiscard]] std::string Address(Protocol protocol) const;
  [[nodiscard]] std::string authority() const { return Path("ca.pem"); }
  // Properties of a client, all of them but the addresses.
  [[nodiscard]] std::map<std::string, std::string> Login(Protocol protocol,
                                                         const std::string& mechanism) const;
  [[nodiscard]] std::map<std::string, std::string> Certificate() const;

 private:
  [[nodiscard]] std::string Path(const std::string& name) const {
    return (certificates_ / name).string();
  }
  [[nodiscard]] std::map<std::string, std::string> Settings() const;

  std::filesystem::path certificates_;
  std::uint16_t sasl_plaintext_port_ = FreePort();
  std::uint16_t sasl_ssl_port_ = FreePort();
  std::uint16_t ssl_port_ = FreePort();
};

}  // namespace usage_ingest::support
