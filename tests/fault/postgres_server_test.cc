// PostgreSQL as a whole fails: restart, kill, full disk, failover that loses the last commits.
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <cerrno>
#include <fstream>
#include <system_error>

#include "tests/fault/fault_fixture.h"
#include "tests/support/postgres/postgres_replica.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
using StopMode = PostgresCluster::StopMode;
namespace fs = std::filesystem;

class PostgresServerTest : public FaultTest {
 protected:
  // fsync stays on: what was committed must be there after the crash.
  PostgresServerTest() : FaultTest({.postgres = {.fsync = true}}, {.events = 15'000}) {}
};

TEST_F(PostgresServerTest, RestartsImmediately) {
  StartInTheMiddle();
  for (int round = 0; round < 3; ++round) {
    const std::int64_t before = RowCount();
    postgres_.Restart(StopMode::kImmediate);
    load_.Publish(*producer_, 500);
    ASSERT_TRUE(WaitForRows(before + 100)) << daemon_->log();
  }
  ExpectRecovers();
}

TEST_F(PostgresServerTest, IsKilledAndStaysAwayForAWhile) {
  StartInTheMiddle();
  postgres_.Kill();
  load_.Publish(*producer_, 500);
  ASSERT_TRUE(WaitUntil(After(20s), [&] { return daemon_->Get("/readyz").status == 503; }));
  postgres_.Start();
  ExpectRecovers();
}

// Failover to a replica that missed the last commits: the offsets went back with the rows, and the
// events are read again (INV-1 … INV-4 on the new primary).
TEST_F(PostgresServerTest, FailsOverToAReplicaThatMissedTheLastCommits) {
  PostgresReplica replica(postgres_);
  DaemonOptions options = SmallBatches();
  options.conninfo = "host=127.0.0.1,127.0.0.1 port=" + std::to_string(postgres_.port()) + "," +
                     std::to_string(replica.port()) + " dbname=" + kDatabase +
                     " user=" + kDaemonRole + " target_session_attrs=read-write";
  StartInTheMiddle(options);
  replica.Disconnect();
  const std::int64_t sent =
      Database(replica.conninfo(kDatabase)).Number("SELECT count(*) FROM usage_logs");
  load_.Publish(*producer_, 1'000);  // all that was published may be on the replica by now
  ASSERT_TRUE(WaitForRows(sent + 500)) << daemon_->log();
  postgres_.Kill();
  replica.Promote();
  database_ = Database(replica.conninfo(kDatabase));
  EXPECT_LT(RowCount(), sent + 500);  // something was lost, or this test shows nothing

  load_.PublishAll(*producer_);
  ExpectedTotals expected = load_.Expected(*producer_);
  totals_->ExpectMatch(database_, kafka_.admin(), expected);
  EXPECT_EQ(daemon_->Terminate(), 0) << daemon_->log();
}

// A file system of a few megabytes that only this process and its children see.
class SmallDisk {
 public:
  SmallDisk() {
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("none", folder_.path().c_str(), "tmpfs", 0, "size=48m,mode=0777") != 0) {
      throw std::system_error(errno, std::generic_category(), "mount (needs root)");
    }
    fs::create_directory(tablespace());
    fs::permissions(tablespace(), fs::perms::all);
  }
  [[nodiscard]] fs::path tablespace() const { return folder_.path() / "space"; }
  // Leaves about a megabyte.
  void Fill() const {
    std::ofstream file(folder_.path() / "filler", std::ios::binary);
    const std::string block(1 << 20, 'x');
    while (fs::space(folder_.path()).available > (2U << 20) && file) file << block << std::flush;
  }
  void Free() const { fs::remove(folder_.path() / "filler"); }

 private:
  TempDir folder_;
};

class DiskFullTest : private SmallDisk, public FaultTest {
 protected:
  DiskFullTest() : FaultTest({}, {.events = 40'000}) {}
  using SmallDisk::Fill;
  using SmallDisk::Free;
  using SmallDisk::tablespace;
};

// 53100: hold, say so, and go on when there is room again.
TEST_F(DiskFullTest, ResumesWhenThereIsRoom) {
  const CommandResult owner =
      RunCommand({.command = {"chown", PostgresUser() + ":", tablespace().string()}}, After(10s));
  ASSERT_EQ(owner.exit_code, 0) << owner.errors;
  database_.Execute("CREATE TABLESPACE small LOCATION '" + tablespace().string() + "'");
  database_.Execute("GRANT CREATE ON TABLESPACE small TO PUBLIC");
  // The parent too: on the first day of a month the daemon makes a partition for yesterday.
  for (const Row& table : database_.Query("SELECT relid FROM pg_partition_tree('usage_logs')")) {
    database_.Execute("ALTER TABLE " + *table[0] + " SET TABLESPACE small");
  }
  Fill();
  load_.Publish(*producer_, Events() * 9 / 10);
  daemon_ = std::make_unique<DaemonProcess>(SmallBatches());
  daemon_->Start();
  ASSERT_TRUE(WaitUntil(After(60s), [&] {
    return postgres_.log().find("No space left on device") != std::string::npos;
  })) << daemon_->log();
  ASSERT_TRUE(WaitUntil(After(20s), [&] {
    return daemon_->Metric("usage_ingest_postgres_errors_total", {"class=\"transient\""}) > 0;
  }));
  EXPECT_EQ(database_.Number("SELECT count(*) FROM usage_ingest.dead_letters "
                             "WHERE reason = 'rejected_by_database'"),
            0);
  Free();
  ExpectRecovers();
}

}  // namespace
}  // namespace usage_ingest::support
