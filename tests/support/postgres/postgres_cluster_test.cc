#include "tests/support/postgres/postgres_cluster.h"

#include <gtest/gtest.h>

namespace usage_ingest::support {
namespace {

using StopMode = PostgresCluster::StopMode;

TEST(PostgresClusterTest, KeepsWhatWasCommittedThroughEveryWayToStop) {
  PostgresCluster postgres;
  postgres.CreateDatabase("kept");
  Database database = postgres.Connect("kept");
  database.Execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)");
  postgres.Restart(StopMode::kImmediate);
  EXPECT_EQ(database.Number("SELECT count(*) FROM t"), 1);
  database.Execute("INSERT INTO t VALUES (2)");
  postgres.Kill();
  postgres.Start();
  EXPECT_EQ(postgres.Connect("kept").Number("SELECT count(*) FROM t"), 2);
}

TEST(DatabaseTest, DistinguishesNullFromEmptyAndReportsTheSqlstate) {
  PostgresCluster postgres({.fsync = false});
  Database database = postgres.Connect("postgres");
  const std::vector<Row> rows = database.Query("SELECT NULL, '', $1::text", {"x"});
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_FALSE(rows[0][0].has_value());
  EXPECT_EQ(rows[0][1], "");
  EXPECT_EQ(rows[0][2], "x");
  try {
    database.Execute("SELECT 1/0");
    FAIL() << "no error";
  } catch (const DatabaseError& error) {
    EXPECT_EQ(error.sqlstate, "22012");
  }
}

TEST(DatabaseTest, CopiesInAndOut) {
  PostgresCluster postgres({.fsync = false});
  Database database = postgres.Connect("postgres");
  database.Execute("CREATE TABLE t (a int, b text)");
  database.CopyIn("COPY t FROM STDIN", "1\tone\n2\t\\N\n");
  EXPECT_EQ(database.Lines("SELECT * FROM t"), (std::vector<std::string>{"1\tone\t", "2\t\\N\t"}));
  EXPECT_EQ(database.CopyOut("COPY t TO STDOUT"), "1\tone\n2\t\\N\n");
  EXPECT_THROW(database.CopyIn("COPY t FROM STDIN", "x\ty\n"), DatabaseError);
}

TEST(DatabaseTest, ReceivesNotifications) {
  PostgresCluster postgres({.fsync = false});
  Database listener = postgres.Connect("postgres");
  listener.Execute("LISTEN news");
  postgres.Connect("postgres").Execute("NOTIFY news, 'good'");
  std::vector<std::pair<std::string, std::string>> heard;
  EXPECT_TRUE(WaitUntil(After(std::chrono::seconds(5)), [&] {
    heard = listener.Notifications();
    return !heard.empty();
  }));
  EXPECT_EQ(heard[0], (std::pair<std::string, std::string>("news", "good")));
}

}  // namespace
}  // namespace usage_ingest::support
