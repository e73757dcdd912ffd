// `support-bundle`: all parts are in it, whatever is away, and no secret is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/pipeline/pipeline_fixture.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kMark[] = "M4RKED";  // a part of each secret, and of nothing else

class SupportBundleTest : public PipelineTest {
 protected:
  static std::string BundleOf(const DaemonProcess& daemon) {
    const CommandResult result = daemon.Run({"support-bundle"});
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_THAT(result.output + result.errors, Not(HasSubstr(kMark)));
    return result.output;
  }

  // A file of the test's folder that holds a secret.
  [[nodiscard]] std::string Write(const std::string& name, const std::string& text) const {
    const std::filesystem::path file = folder_.path() / name;
    std::ofstream(file) << text;
    std::filesystem::permissions(file, std::filesystem::perms::owner_read);
    return file.string();
  }

  // Everything that may hold a secret, with a mark in each.
  [[nodiscard]] DaemonOptions WithSecrets() const {
    DaemonOptions options = DaemonDefaults();
    options.conninfo += " password=M4RKED-conninfo sslpassword=M4RKED-key";
    options.kafka_properties = {{"sasl.password", "M4RKED-sasl"},
                                {"ssl.key.password", "M4RKED-ssl"},
                                {"ssl.key.pem", "M4RKED-pem"},
                                {"sasl.oauthbearer.client.secret", "M4RKED-client"}};
    options.environment = {
        {"PGPASSWORD", "M4RKED-variable"},
        {"PGPASSFILE", Write("pass", "*:*:*:*:M4RKED\\:pass\n")},
        {"PGSERVICEFILE", Write("services", "[s]\nhost=127.0.0.1\npassword=M4RKED-service\n")},
        {"USAGE_INGEST_KAFKA_PROPERTIES_SSL_KEYSTORE_PASSWORD", "M4RKED-store"},
        {"AWS_SECRET_ACCESS_KEY", "M4RKED-cloud"}};
    return options;
  }

  TempDir folder_;
};

TEST_F(SupportBundleTest, HasEachPartOfARunningDaemon) {
  DaemonProcess daemon(DaemonDefaults());
  daemon.StartAndWait();
  const std::string bundle = BundleOf(daemon);
  for (const char* part :
       {"== version ==", "librdkafka", "== configuration ==", "kafka.topics = litellm.usage.v1",
        "postgres.conninfo = user=usage_ingest", "ok    kafka: 1 broker", "ok    PostgreSQL 15",
        "== recent errors of the daemon ==", "\"group_id\":\"usage-ingestd\"",
        "usage_ingest_ready 1", "max_connections", "-- partitions of usage_logs", "usage_logs_pkey",
        "usage_ingest.kafka_offsets", "-- triggers", "-- migrations"}) {
    EXPECT_THAT(bundle, HasSubstr(part));
  }
  EXPECT_THAT(bundle, Not(HasSubstr("not known: ")));
}

TEST_F(SupportBundleTest, SaysWhatIsAway) {
  DaemonOptions options = DaemonDefaults();
  options.brokers = "127.0.0.1:1";
  options.conninfo = "host=127.0.0.1 port=1 dbname=litemaas connect_timeout=2";
  const std::string bundle = BundleOf(DaemonProcess(options));
  for (const char* part : {"DOWN  PostgreSQL: ", "DOWN  kafka", "the daemon does not answer",
                           "journalctl -u usage-ingestd", "== database ==\nnot known: "}) {
    EXPECT_THAT(bundle, HasSubstr(part));
  }
}

TEST_F(SupportBundleTest, AnswersWithoutADaemon) {
  const std::string bundle = BundleOf(DaemonProcess(DaemonDefaults()));
  EXPECT_THAT(bundle, HasSubstr("== metrics of the daemon ==\nnot known: "));
  EXPECT_THAT(bundle, HasSubstr("-- tables"));
}

TEST_F(SupportBundleTest, ShowsWhatIsWrongInTheConfiguration) {
  DaemonOptions options = WithSecrets();
  options.settings = {{"log", {{"level", "\"M4RKED-level\""}}}, {"batch", {{"row_max", "5"}}}};
  const std::string bundle = BundleOf(DaemonProcess(options));
  EXPECT_THAT(bundle, HasSubstr("log.level is none of the choices"));
  EXPECT_THAT(bundle, HasSubstr("did you mean batch.rows_max?"));
}

TEST_F(SupportBundleTest, HoldsNoSecret) {
  const std::string accepted = BundleOf(DaemonProcess(WithSecrets()));
  EXPECT_THAT(accepted, HasSubstr("password=***"));
  EXPECT_THAT(accepted, HasSubstr("kafka.properties.ssl.key.pem = ***"));
  EXPECT_THAT(accepted, HasSubstr("PGPASSFILE\n"));

  DaemonOptions tls = WithSecrets();
  tls.kafka_properties.insert({{"security.protocol", "SASL_SSL"}, {"sasl.mechanism", "PLAIN"}});
  BundleOf(DaemonProcess(tls));

  DaemonOptions uri = WithSecrets();
  uri.conninfo = "postgresql://absent:M4RKED%21uri@127.0.0.1:" + std::to_string(postgres_.port()) +
                 "/litemaas";
  EXPECT_THAT(BundleOf(DaemonProcess(uri)), HasSubstr("user=absent"));

  DaemonOptions service = WithSecrets();
  service.conninfo = "service=s port=1 connect_timeout=2";
  EXPECT_THAT(BundleOf(DaemonProcess(service)), HasSubstr("service=s"));
}

}  // namespace
}  // namespace usage_ingest::support
