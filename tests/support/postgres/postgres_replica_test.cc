#include "tests/support/postgres/postgres_replica.h"

#include <gtest/gtest.h>

namespace usage_ingest::support {
namespace {

TEST(PostgresReplicaTest, HasOnlyWhatWasReplicated) {
  PostgresCluster primary({.fsync = false});
  PostgresReplica replica(primary);
  primary.Connect("postgres").Execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
  Database copy(replica.conninfo("postgres"));
  EXPECT_TRUE(WaitUntil(After(std::chrono::seconds(20)), [&] {
    return copy.Value("SELECT to_regclass('t') IS NOT NULL") == "t" &&
           copy.Number("SELECT count(*) FROM t") == 1;
  }));
  replica.Disconnect();
  primary.Connect("postgres").Execute("INSERT INTO t VALUES (2)");
  primary.Kill();
  replica.Promote();
  copy.Execute("INSERT INTO t VALUES (3)");
  EXPECT_EQ(copy.Lines("SELECT n FROM t"), (std::vector<std::string>{"1\t", "3\t"}));
}

}  // namespace
}  // namespace usage_ingest::support
