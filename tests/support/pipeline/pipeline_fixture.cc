#include "tests/support/pipeline/pipeline_fixture.h"

#include <stdexcept>

#include "tests/support/postgres/migrated_data.h"

namespace usage_ingest::support {

using namespace std::chrono_literals;

namespace {

std::string Migrate(const DaemonProcess& owner, const std::vector<std::string>& options) {
  std::vector<std::string> words = {"migrate"};
  words.insert(words.end(), options.begin(), options.end());
  const CommandResult result = owner.Run(words);
  if (result.exit_code != 0) throw std::runtime_error("migrate: " + result.output + result.errors);
  return result.output;
}

// Roles, database, `migrate`, grants.
void Prepare(PostgresCluster& postgres) {
  Database server = postgres.Connect("postgres");
  server.Execute(std::string("CREATE ROLE ") + kOwnerRole + " LOGIN");
  server.Execute(std::string("CREATE ROLE ") + kDaemonRole + " LOGIN");
  server.Execute(std::string("CREATE DATABASE ") + kDatabase + " OWNER " + kOwnerRole);

  const DaemonProcess owner(
      {.brokers = "no broker is needed", .conninfo = postgres.conninfo(kDatabase, kOwnerRole)});
  Migrate(owner, {});
  postgres.Connect(kDatabase).Execute(Migrate(owner, {"--print-grants", kDaemonRole}));
}

PostgresOptions Prepared(PostgresOptions options) {
  options.data = MigratedData("pipeline", Prepare);
  return options;
}

}  // namespace

PipelineTest::PipelineTest(const PipelineOptions& options)
    : postgres_(Prepared(options.postgres)),
      kafka_(options.kafka),
      partitions_(options.partitions),
      database_(postgres_.conninfo(kDatabase)) {}

void PipelineTest::SetUp() { kafka_.CreateTopic(kTopic, partitions_); }

DaemonOptions PipelineTest::DaemonDefaults() const {
  return {.brokers = kafka_.brokers(),
          .conninfo = postgres_.conninfo(kDatabase, kDaemonRole),
          .settings = {{"batch", {{"linger", "\"50ms\""}}}, {"log", {{"level", "\"debug\""}}}},
          // A member that was killed is missed after this; Kafka's default is 45 s.
          .kafka_properties = {{"session.timeout.ms", "6000"}, {"heartbeat.interval.ms", "1000"}}};
}

DaemonOptions PipelineTest::SmallBatches() const {
  DaemonOptions options = DaemonDefaults();
  options.settings["batch"]["rows_max"] = "100";
  return options;
}

void PipelineTest::Install(const GeneratedLoad& load) {
  load.SeedDatabase(postgres_.conninfo(kDatabase));
  RememberTotals();
}

void PipelineTest::RememberTotals() {
  totals_ = std::make_unique<Totals>(database_);
  oracle_ = std::make_unique<Oracle>(postgres_, database_);
}

void PipelineTest::ExpectTotalsMatch(const ExpectedTotals& expected) {
  totals_->ExpectMatch(database_, kafka_.admin(), expected);
  oracle_->ExpectAgrees(database_);
}

std::int64_t PipelineTest::RowCount() {
  return database_.Number("SELECT count(*) FROM usage_logs");
}

bool PipelineTest::WaitForRows(std::int64_t rows, std::chrono::seconds timeout) {
  return WaitUntil(After(timeout), [&] { return RowCount() >= rows; });
}

}  // namespace usage_ingest::support
