// The configuration that the documents show, against a broker with SASL_SSL, SCRAM and exactly the
// rights that docs/security.md names. Only what differs on every site is replaced: addresses and
// the file of the certificate authority.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include "tests/support/kafka/secure_listeners.h"
#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

using Protocol = SecureListeners::Protocol;

constexpr char kSource[] = USAGE_INGEST_SOURCE_DIR;

const SecureListeners& Listeners() {
  static const SecureListeners listeners;
  return listeners;
}

std::string Replaced(const std::string& text, const std::string& pattern,
                     const std::string& replacement) {
  const std::regex regex(pattern);
  if (!std::regex_search(text, regex)) throw std::runtime_error("no " + pattern + " in:\n" + text);
  return std::regex_replace(text, regex, replacement);
}

// The TOML block of the document that shows how to log in.
std::string LoginBlock(const std::string& document) {
  const std::size_t setting = document.find("sasl.mechanism = ");
  const std::string fence = "```toml\n";
  const std::size_t begin = document.rfind(fence, setting);
  const std::size_t end = document.find("```", setting);
  if (setting == std::string::npos || begin == std::string::npos || end == std::string::npos) {
    throw std::runtime_error("no block with sasl.mechanism");
  }
  return document.substr(begin + fence.size(), end - begin - fence.size());
}

class DocumentedLoginTest : public PipelineTest {
 protected:
  DocumentedLoginTest()
      : PipelineTest({.kafka = Listeners().Options(SecureListeners::RightsAreAsked())}) {}

  void SetUp() override {
    PipelineTest::SetUp();
    SecureListeners::AddUser(kafka_.admin());
    KafkaAdmin& admin = kafka_.admin();
    admin.Grant({kKafkaUser, RD_KAFKA_RESOURCE_TOPIC, kTopic, RD_KAFKA_ACL_OPERATION_READ});
    admin.Grant({kKafkaUser, RD_KAFKA_RESOURCE_TOPIC, kTopic, RD_KAFKA_ACL_OPERATION_DESCRIBE});
    admin.Grant(
        {kKafkaUser, RD_KAFKA_RESOURCE_GROUP, "usage-ingestd", RD_KAFKA_ACL_OPERATION_READ});
    std::ofstream(files_.path() / "services")
        << "[litemaas]\nhost=127.0.0.1\nport=" << postgres_.port() << "\ndbname=" << kDatabase
        << "\nuser=" << kDaemonRole << "\n";
  }
  [[nodiscard]] DaemonOptions Options() const {
    DaemonOptions options = DaemonDefaults();
    options.brokers = Listeners().Address(Protocol::kSaslSsl);
    options.kafka_properties = {};
    options.environment = {{"USAGE_INGEST_KAFKA_PROPERTIES_SASL_PASSWORD", kScramPassword},
                           {"PGSERVICEFILE", (files_.path() / "services").string()}};
    return options;
  }
  [[nodiscard]] static std::string WithAuthority(const std::string& text) {
    return Replaced(text, R"re((ssl\.ca\.location"? = )"[^"]*")re",
                    "$1\"" + Listeners().authority() + "\"");
  }
  [[nodiscard]] static std::string WithBrokers(const std::string& text) {
    return Replaced(text, R"re(brokers = "[^"]*")re",
                    "brokers = \"" + Listeners().Address(Protocol::kSaslSsl) + "\"");
  }
  static void ExpectAccepted(const DaemonProcess& daemon) {
    const CommandResult result = daemon.Run({"check-config", "--connect"});
    EXPECT_EQ(result.exit_code, 0) << result.output << result.errors;
  }

  TempDir files_;
};

TEST_F(DocumentedLoginTest, TheBlockOfTheManualIsAccepted) {
  const std::string block = LoginBlock(ReadFile(std::string(kSource) + "/docs/configuration.md"));
  EXPECT_NE(block.find("SASL_SSL"), std::string::npos) << block;
  EXPECT_NE(block.find("SCRAM-SHA-512"), std::string::npos) << block;
  const DaemonProcess daemon(Options());
  std::ofstream(daemon.config_file(), std::ios::app) << WithAuthority(block);
  ExpectAccepted(daemon);
}

TEST_F(DocumentedLoginTest, ThePackagedFileIsAcceptedWithItsLoginUncommented) {
  std::string text = ReadFile(std::string(kSource) + "/systemd/usage-ingestd.toml");
  text = Replaced(text, R"re(#(\[kafka\.properties\]))re", "$1");
  text = Replaced(text, R"re(#("(security|sasl|ssl)\.))re", "$1");
  const DaemonProcess daemon(Options());
  std::ofstream(daemon.config_file()) << WithBrokers(WithAuthority(text));
  ExpectAccepted(daemon);
}

TEST_F(DocumentedLoginTest, TheExampleForKubernetesIsAccepted) {
  const std::string text =
      ReadFile(std::string(kSource) + "/contrib/kubernetes/overlays/example/usage-ingestd.toml");
  const DaemonProcess daemon(Options());
  std::ofstream(daemon.config_file()) << WithBrokers(WithAuthority(text));
  ExpectAccepted(daemon);
}

}  // namespace
}  // namespace usage_ingest::support
