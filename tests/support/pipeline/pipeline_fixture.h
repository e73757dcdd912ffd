#pragma once
// PipelineTest: the fixture of integration and fault tests. A real Kafka with a topic, a real
// PostgreSQL with a migrated database, and the daemon as the ordinary role that operators give it.
//
// Owner         each test case has parts of its own and runs in a process of its own (ctest).
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/support/kafka/kafka_broker.h"
#include "tests/support/kafka/producer.h"
#include "tests/support/pipeline/daemon_process.h"
#include "tests/support/pipeline/generated_load.h"
#include "tests/support/pipeline/oracle.h"
#include "tests/support/pipeline/totals.h"
#include "tests/support/postgres/postgres_cluster.h"

namespace usage_ingest::support {

inline constexpr char kTopic[] = "litellm.usage.v1";
inline constexpr char kDatabase[] = "litemaas";
inline constexpr char kOwnerRole[] = "litemaas_owner";  // of the tables; runs `migrate`
inline constexpr char kDaemonRole[] = "usage_ingest";   // runs `run`, with no more than it needs

struct PipelineOptions {
  PostgresOptions postgres = {.fsync = false};
  KafkaOptions kafka = {};
  int partitions = 4;
};

class PipelineTest : public ::testing::Test {
 protected:
  explicit PipelineTest(const PipelineOptions& options = {});

  // Makes the topic; the database is there already.
  void SetUp() override;

  // Defaults for one daemon of this pipeline; change what the test is about.
  [[nodiscard]] DaemonOptions DaemonDefaults() const;
  // Small batches, so that a fault hits in the middle of much.
  [[nodiscard]] DaemonOptions SmallBatches() const;
  [[nodiscard]] Database Connect() const { return postgres_.Connect(kDatabase); }
  // As LiteMaaS itself connects: the owner of the tables.
  [[nodiscard]] Database ConnectAsOwner() const {
    return Database(postgres_.conninfo(kDatabase, kOwnerRole));
  }
  // Installs `load`'s population and remembers the totals and the oracle's start.
  void Install(const GeneratedLoad& load);
  // Remembers totals and oracle: after the installation, before the daemon writes.
  void RememberTotals();
  // Ends a test: waits until all is ingested, then compares totals and oracle.
  void ExpectTotalsMatch(const ExpectedTotals& expected);

  [[nodiscard]] std::int64_t RowCount();
  // True as soon as usage_logs holds at least `rows`.
  [[nodiscard]] bool WaitForRows(std::int64_t rows,
                                 std::chrono::seconds timeout = std::chrono::seconds(120));

  PostgresCluster postgres_;
  KafkaBroker kafka_;
  int partitions_;
  Database database_;  // superuser's
  std::unique_ptr<Totals> totals_;
  std::unique_ptr<Oracle> oracle_;
};

}  // namespace usage_ingest::support
