#pragma once
// CitusTest: a pipeline whose database is the coordinator of a cluster with two workers, where
// `migrate --citus` has distributed usage_logs.
//
// Owner         each test case; nothing runs without USAGE_INGEST_CITUS_PG_BINDIR.
#include <array>
#include <string>
#include <vector>

#include "tests/fault/fault_fixture.h"

namespace usage_ingest::support {

class CitusTest : public FaultTest {
 protected:
  explicit CitusTest(const LoadOptions& load = {});

  void SetUp() override;

  // The coordinator with two workers; usage_logs stays as it is.
  void MakeCluster();
  // As the owner of the tables.
  [[nodiscard]] CommandResult AsOwner(const std::vector<std::string>& words) const;
  void MustAsOwner(const std::vector<std::string>& words) const;
  // Restarts a worker with a setting.
  void Reconfigure(PostgresCluster& worker, const std::string& setting);
  // Workers commit what a dead node left prepared some time after the coordinator.
  [[nodiscard]] bool WaitForPrepared();
  [[nodiscard]] std::int64_t Prepared() const;

  std::array<PostgresCluster, 2> workers_;
};

}  // namespace usage_ingest::support
