// What an operator sets up wrongly: each cause has its exit code, its message and its fix.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/pipeline/pipeline_fixture.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

constexpr int kUsage = 64;
constexpr int kBadInput = 65;
constexpr int kUnavailable = 69;
constexpr int kDenied = 77;
constexpr int kConfig = 78;

struct WrongSetup {
  std::string name;
  DaemonOptions options;
  std::vector<std::string> words;
  int exit_code = 0;
  std::vector<std::string> parts;  // of what is printed: the cause, then the fix
};

class WrongSetupsTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    database_.Execute(
        "CREATE ROLE with_password LOGIN PASSWORD 'right'; CREATE ROLE rejected LOGIN; "
        "CREATE ROLE without_login NOLOGIN; CREATE ROLE without_grants LOGIN; "
        "CREATE ROLE without_slots LOGIN CONNECTION LIMIT 0");
    postgres_.CreateDatabase("empty");
    postgres_.CreateDatabase("closed");
    database_.Execute("REVOKE CONNECT ON DATABASE closed FROM PUBLIC");
    AddAccessRules();
    std::ofstream(Services()) << "[other]\nhost=127.0.0.1\n";
  }

  // The first rule that matches is used.
  void AddAccessRules() {
    const std::filesystem::path file = postgres_.directory() / "pg_hba.conf";
    std::ifstream in(file);
    const std::string rest{std::istreambuf_iterator<char>(in), {}};
    std::ofstream(file) << "host all with_password 127.0.0.1/32 scram-sha-256\n"
                           "host all rejected 127.0.0.1/32 reject\n"
                        << rest;
    database_.Execute("SELECT pg_reload_conf()");
  }

  [[nodiscard]] std::filesystem::path Services() const { return folder_.path() / "services"; }
  [[nodiscard]] std::string Server() const {
    return "host=127.0.0.1 port=" + std::to_string(postgres_.port()) + " ";
  }
  [[nodiscard]] DaemonOptions With(const std::string& conninfo) const {
    DaemonOptions options = DaemonDefaults();
    options.conninfo = conninfo;
    return options;
  }
  [[nodiscard]] DaemonOptions WithProperties(
      const std::map<std::string, std::string>& properties) const {
    DaemonOptions options = DaemonDefaults();
    options.kafka_properties = properties;
    return options;
  }
  [[nodiscard]] DaemonOptions WithEnvironment(
      const std::string& conninfo, const std::map<std::string, std::string>& environment) const {
    DaemonOptions options = With(conninfo);
    options.environment = environment;
    return options;
  }

  static void Expect(const std::vector<WrongSetup>& setups) {
    for (const WrongSetup& setup : setups) {
      const DaemonProcess program(setup.options);
      const CommandResult result = program.Run(setup.words);
      const std::string text = result.output + result.errors;
      EXPECT_EQ(result.exit_code, setup.exit_code) << setup.name << ":\n" << text;
      for (const std::string& part : setup.parts) {
        EXPECT_NE(text.find(part), std::string::npos)
            << setup.name << " does not say \"" << part << "\":\n"
            << text;
      }
      EXPECT_NE(text.find("fix:"), std::string::npos) << setup.name << ":\n" << text;
      EXPECT_EQ(text.find("internal error"), std::string::npos) << setup.name << ":\n" << text;
    }
  }

  TempDir folder_;
};

const std::vector<std::string> kList = {"dead-letters", "list"};
const std::vector<std::string> kCheck = {"check-config"};
const std::vector<std::string> kCheckAll = {"check-config", "--connect"};

std::vector<std::string> ReplayOf(const std::string& topic, const std::string& partition) {
  return {"replay", "--topic",     topic, "--partition", partition, "--from-offset",
          "0",      "--to-offset", "9"};
}

TEST_F(WrongSetupsTest, AccessToPostgres) {
  const std::string litemaas = Server() + "dbname=litemaas ";
  Expect({
      {"no password",
       With(litemaas + "user=with_password"),
       kList,
       kDenied,
       {"no password supplied", "/etc/usage-ingestd/pg_service.conf", "sudo"}},
      {"wrong password",
       With(litemaas + "user=with_password password=wrong"),
       kList,
       kDenied,
       {"password authentication failed", "ALTER ROLE", "systemctl restart usage-ingestd"}},
      {"wrong password, check-config",
       With(litemaas + "user=with_password password=wrong"),
       kCheckAll,
       kConfig,
       {"password authentication failed", "ALTER ROLE"}},
      {"unknown role",
       With(litemaas + "user=absent"),
       kList,
       kDenied,
       {"role \"absent\" does not exist", "CREATE ROLE"}},
      {"role without login",
       With(litemaas + "user=without_login"),
       kList,
       kDenied,
       {"not permitted to log in", "LOGIN"}},
      {"address not allowed",
       With(litemaas + "user=rejected"),
       kList,
       kDenied,
       {"pg_hba.conf", "allow this user, database and address"}},
      {"no right to connect",
       With(Server() + "dbname=closed user=without_grants"),
       kList,
       kDenied,
       {"permission denied for database", "GRANT CONNECT"}},
      {"no grants",
       With(litemaas + "user=without_grants"),
       kList,
       kDenied,
       {"permission denied", "--print-grants"}},
      {"no slot",
       With(litemaas + "user=without_slots"),
       kList,
       kUnavailable,
       {"too many connections", "max_connections"}},
  });
}

TEST_F(WrongSetupsTest, PlaceOfPostgres) {
  const std::string user = "dbname=litemaas user=usage_ingest ";
  const std::string services = Services().string();
  Expect({
      {"unknown database",
       With(Server() + "dbname=absent user=usage_ingest"),
       kList,
       kConfig,
       {"database \"absent\" does not exist", "correct dbname="}},
      {"not migrated",
       With(Server() + "dbname=empty user=postgres"),
       kList,
       kConfig,
       {"usage_ingest", "usage-ingestd migrate"}},
      {"unknown host",
       With("host=no..name " + user),
       kList,
       kConfig,
       {"could not translate host name", "correct host="}},
      {"unknown service",
       WithEnvironment("service=absent", {{"PGSERVICEFILE", services}}),
       kList,
       kConfig,
       {"definition of service \"absent\"", "PGSERVICEFILE"}},
      {"no service file",
       WithEnvironment("service=absent", {{"PGSERVICEFILE", "/absent"}}),
       kList,
       kConfig,
       {"service file \"/absent\" not found", "PGSERVICEFILE"}},
      {"no server",
       With("host=127.0.0.1 port=1 " + user),
       kList,
       kUnavailable,
       {"Connection refused", "start PostgreSQL"}},
      {"no socket",
       With("host=/absent " + user),
       kList,
       kUnavailable,
       {"No such file", "start PostgreSQL"}},
      {"no TLS",
       With(Server() + user + "sslmode=require"),
       kList,
       kConfig,
       {"does not support SSL", "sslmode"}},
      {"no connection string",
       With("litemaas on db"),
       kList,
       kConfig,
       {"not a libpq connection string", "host=db"}},
  });
}

TEST_F(WrongSetupsTest, Migrate) {
  const std::vector<std::string> migrate = {"migrate"};
  Expect({
      {"not the owner",
       With(Server() + "dbname=litemaas user=without_grants"),
       migrate,
       kDenied,
       {"is not a member of it", "run migrate as litemaas_owner"}},
      {"no right to create",
       With(Server() + "dbname=empty user=without_grants"),
       migrate,
       kDenied,
       {"no right to create the schema", "GRANT CREATE ON DATABASE empty TO without_grants"}},
      {"not the owner, retention",
       With(Server() + "dbname=litemaas user=without_grants"),
       {"partitions", "ensure"},
       kDenied,
       {"permission denied", "run it as the owner", "/etc/usage-ingestd/owner_service.conf"}},
  });
}

TEST_F(WrongSetupsTest, Kafka) {
  DaemonOptions no_broker = DaemonDefaults();
  no_broker.brokers = "127.0.0.1:1";
  DaemonOptions no_topic = DaemonDefaults();
  no_topic.topics = {"absent"};
  DaemonOptions capital = DaemonDefaults();
  capital.settings = {{"Kafka", {{"start", "\"latest\""}}}};
  const std::string conninfo = DaemonDefaults().conninfo;
  Expect({
      {"unknown topic",
       DaemonDefaults(),
       ReplayOf("absent", "0"),
       kBadInput,
       {"there is no topic absent", "correct --topic"}},
      {"unknown partition",
       DaemonDefaults(),
       ReplayOf(kTopic, "99"),
       kBadInput,
       {"has no partition 99", "correct --topic"}},
      {"unknown topic in the configuration",
       no_topic,
       kCheckAll,
       kUnavailable,
       {"topic absent", "kafka.topics"}},
      {"no broker",
       no_broker,
       ReplayOf(kTopic, "0"),
       kUnavailable,
       {"127.0.0.1:1", "kafka.brokers"}},
      {"no broker, check-config",
       no_broker,
       kCheckAll,
       kUnavailable,
       {"127.0.0.1:1", "kafka.brokers"}},
      {"no authority",
       WithProperties({{"ssl.ca.location", "/absent.pem"}}),
       kCheck,
       kConfig,
       {"kafka.properties.ssl.ca.location", "cannot read /absent.pem: No such file",
        "name a file"}},
      {"misspelt property",
       WithProperties({{"sasl.mechansim", "PLAIN"}}),
       kCheck,
       kConfig,
       {"sasl.mechansim", "did you mean sasl.mechanism"}},
      {"misspelt section", capital, kCheck, kConfig, {"Kafka.start", "did you mean kafka.start?"}},
      {"misspelt variable",
       WithEnvironment(conninfo, {{"USAGE_INGEST_KAFKA_BROKER", "x"}}),
       kCheck,
       kConfig,
       {"USAGE_INGEST_KAFKA_BROKER", "did you mean USAGE_INGEST_KAFKA_BROKERS?"}},
  });
}

TEST_F(WrongSetupsTest, CommandLine) {
  const DaemonOptions fine = DaemonDefaults();
  Expect({
      {"misspelt command", fine, {"statsu"}, kUsage, {"statsu", "did you mean status?"}},
      {"misspelt option",
       fine,
       {"replay", "--topik", "x"},
       kUsage,
       {"--topik", "did you mean --topic?"}},
      {"negative id",
       fine,
       {"dead-letters", "show", "--id", "-3"},
       kUsage,
       {"must be a whole number from 0, not -3", "for example 42"}},
      {"misspelt reason",
       fine,
       {"dead-letters", "list", "--reason", "invalid_jsn"},
       kUsage,
       {"invalid_jsn", "did you mean invalid_json?"}},
  });
}

}  // namespace
}  // namespace usage_ingest::support
