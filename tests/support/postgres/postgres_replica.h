#pragma once
// PostgresReplica: an asynchronous streaming replica of a PostgresCluster, that can be promoted.
//
// Owner         the test. Source: pg_basebackup --write-recovery-conf.
#include <cstdint>
#include <memory>

#include "tests/support/postgres/postgres_cluster.h"

namespace usage_ingest::support {

class PostgresReplica {
 public:
  // Returns when it streams.
  explicit PostgresReplica(const PostgresCluster& primary);
  ~PostgresReplica();
  PostgresReplica(const PostgresReplica&) = delete;
  PostgresReplica& operator=(const PostgresReplica&) = delete;

  // Hears no more from the primary: what is committed there from now on would be lost.
  void Disconnect();
  // Becomes a primary; returns when it writes.
  void Promote();

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string conninfo(const std::string& database) const;

 private:
  TempDir files_;
  std::uint16_t port_;
  std::unique_ptr<ChildProcess> server_;
};

}  // namespace usage_ingest::support
