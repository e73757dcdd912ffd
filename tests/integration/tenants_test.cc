// Split by tenant: two groups of users, each with a topic, a daemon and a PostgreSQL of its own.
// docs/scaling.md, "Split by tenant", describes what these cases do.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Words = std::vector<std::string>;

constexpr char kOtherTopic[] = "litellm.usage.tenant-b";

constexpr const char* kSums =
    "SELECT sum(requests), sum(errors), sum(input_tokens), sum(output_tokens), sum(cached_tokens), "
    "sum(reasoning_tokens), sum(cost), sum(latency_ms_sum), sum(latency_count) "
    "FROM usage_ingest.usage_daily";

// A second PostgreSQL with the roles, the migrated database and the grants of the first.
class Tenant {
 public:
  explicit Tenant(const DaemonOptions& of_the_first) : options_(of_the_first) {
    Database server = postgres_.Connect("postgres");
    for (const char* role : {kOwnerRole, kDaemonRole}) {
      server.Execute(std::string("CREATE ROLE ") + role + " LOGIN");
    }
    server.Execute(std::string("CREATE DATABASE ") + kDatabase + " OWNER " + kOwnerRole);
    options_.conninfo = postgres_.conninfo(kDatabase, kOwnerRole);
    const DaemonProcess owner(options_);
    EXPECT_EQ(owner.Run({"migrate"}).exit_code, 0);
    database_ = std::make_unique<Database>(postgres_.conninfo(kDatabase));
    database_->Execute(owner.Run({"migrate", "--print-grants", kDaemonRole}).output);
    options_.conninfo = postgres_.conninfo(kDatabase, kDaemonRole);
    options_.topics = {kOtherTopic};
    options_.group = "usage-ingestd-tenant-b";
  }
  [[nodiscard]] const DaemonOptions& options() const { return options_; }
  [[nodiscard]] std::string conninfo() const { return options_.conninfo; }
  [[nodiscard]] std::string superuser() const { return postgres_.conninfo(kDatabase); }
  [[nodiscard]] Database& database() { return *database_; }
  [[nodiscard]] PostgresCluster& postgres() { return postgres_; }

 private:
  PostgresCluster postgres_{PostgresOptions{.fsync = false}};
  DaemonOptions options_;
  std::unique_ptr<Database> database_;
};

class TenantsTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    kafka_.CreateTopic(kOtherTopic, partitions_);
    other_ = std::make_unique<Tenant>(DaemonDefaults());
  }
  [[nodiscard]] std::string conninfo() const { return DaemonDefaults().conninfo; }
  // A command without a configuration of any tenant.
  [[nodiscard]] static CommandResult Ask(const Words& words) {
    return DaemonProcess(DaemonOptions{}).Run(words);
  }
  [[nodiscard]] static std::vector<std::string> SumsOf(Database& database, const std::string& sql) {
    std::vector<std::string> sums;
    const std::vector<Row> rows = database.Query(sql);
    for (const auto& value : rows.at(0)) sums.push_back(value.value_or("0"));
    return sums;
  }
  // PostgreSQL adds what the two databases have.
  std::vector<std::string> SumsOfBoth() {
    const auto mine = SumsOf(database_, kSums);
    const auto theirs = SumsOf(other_->database(), kSums);
    std::string sql;
    for (std::size_t i = 0; i < mine.size(); ++i) {
      sql += (i == 0 ? "SELECT " : ", ") + mine[i] + "::numeric + " + theirs[i];
    }
    return SumsOf(database_, sql);
  }
  static std::string TotalOf(const std::vector<std::string>& sums) {
    return R"("total":{"requests":)" + sums.at(0) + R"(,"errors":)" + sums.at(1) +
           R"(,"input_tokens":)" + sums.at(2) + R"(,"output_tokens":)" + sums.at(3) +
           R"(,"cached_tokens":)" + sums.at(4) + R"(,"reasoning_tokens":)" + sums.at(5) +
           R"(,"cost":")" + sums.at(6) + R"(","latency_ms_sum":)" + sums.at(7) +
           R"(,"latency_count":)" + sums.at(8) + "}}\n";
  }

  std::unique_ptr<Tenant> other_;
};

TEST_F(TenantsTest, BothBalanceAndTheToolsCoverBoth) {
  GeneratedLoad load({.seed = 1, .events = 4000}, kTopic);
  GeneratedLoad other_load({.seed = 2, .events = 3000}, kOtherTopic);
  Install(load);
  other_load.SeedDatabase(other_->superuser());
  Totals other_totals(other_->database());
  Oracle other_oracle(other_->postgres(), other_->database());
  Producer producer(kafka_.brokers());
  Producer other_producer(kafka_.brokers());

  DaemonProcess daemon(SmallBatches());
  DaemonProcess other_daemon(other_->options());
  daemon.StartAndWait();
  other_daemon.StartAndWait();
  load.Publish(producer, 2000);
  other_load.PublishAll(other_producer);
  ASSERT_TRUE(WaitForRows(500));
  // One tenant's daemon is killed; the other goes on.
  daemon.Kill();
  load.PublishAll(producer);
  daemon.StartAndWait();
  ExpectTotalsMatch(load.Expected(producer));
  ExpectedTotals expected = other_load.Expected(other_producer);
  expected.group = other_->options().group;
  other_totals.ExpectMatch(other_->database(), kafka_.admin(), expected);
  other_oracle.ExpectAgrees(other_->database());

  const auto url = [](const DaemonProcess& of) {
    return "http://127.0.0.1:" + std::to_string(of.http_port()) + "/";
  };
  const Words status = {"status", "--url", url(daemon), "--url", url(other_daemon)};
  const CommandResult both = Ask(status);
  EXPECT_EQ(both.exit_code, 0) << both.errors;
  EXPECT_THAT(both.output, HasSubstr("usage-ingestd-tenant-b"));
  EXPECT_THAT(both.output, HasSubstr("2 of 2 ready"));

  Words report = {"report", "--from", "2020-01-01", "--format", "json", "--by", "model"};
  const auto add = [&](const std::string& database) {
    report.insert(report.end(), {"--conninfo", database});
  };
  add(conninfo());
  const std::string one = Ask(report).output;
  EXPECT_THAT(one, HasSubstr(TotalOf(SumsOf(database_, kSums))));
  add(other_->conninfo());
  const CommandResult merged = Ask(report);
  EXPECT_EQ(merged.exit_code, 0) << merged.errors;
  EXPECT_THAT(merged.output, HasSubstr(TotalOf(SumsOfBoth())));

  other_daemon.Kill();
  const CommandResult missing = Ask(status);
  EXPECT_EQ(missing.exit_code, 69);
  EXPECT_THAT(missing.output, HasSubstr("1 of 2 ready"));
  EXPECT_THAT(missing.output, HasSubstr(url(other_daemon) + "  does not answer: "));
}

// A proxy with the topic of the other tenant: no user here is charged, and no event is lost.
TEST_F(TenantsTest, EventsOfTheOtherTenantAreUnattributedLetters) {
  GeneratedLoad load({.seed = 1, .events = 100}, kTopic);
  GeneratedLoad theirs({.seed = 2, .events = 300, .duplicate_share = 0, .odd_share = 0}, kTopic);
  Install(load);
  Producer producer(kafka_.brokers());
  theirs.PublishAll(producer);
  DaemonProcess daemon(DaemonDefaults());
  daemon.StartAndWait();
  // A failed request without tokens, cost and owner is skipped as `no_usage`.
  EXPECT_TRUE(WaitUntil(After(60s), [&] {
    return database_.Number(
               "SELECT coalesce(sum(dead_lettered + skipped), 0) FROM "
               "usage_ingest.kafka_offsets") == 300;
  })) << daemon.log();
  const std::int64_t letters = database_.Number(
      "SELECT count(*) FROM usage_ingest.dead_letters WHERE reason = 'unattributed'");
  EXPECT_EQ(letters, database_.Number("SELECT sum(dead_lettered) FROM usage_ingest.kafka_offsets"));
  EXPECT_GE(letters, 280);
  EXPECT_EQ(database_.Number("SELECT count(*) FROM usage_logs"), 0);
  EXPECT_EQ(database_.Number("SELECT sum(used_requests) FROM subscriptions"), 0);
}

// A sum without one of them would look like less usage.
TEST_F(TenantsTest, AReportOfATenantThatDoesNotAnswerIsNone) {
  const CommandResult result =
      Ask({"report", "--conninfo", conninfo(), "--conninfo", "host=127.0.0.1 port=1 password=abc"});
  EXPECT_EQ(result.exit_code, 69);
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(result.errors, HasSubstr("--conninfo 2 of 2"));
  EXPECT_THAT(result.errors, ::testing::Not(HasSubstr("abc")));
}

}  // namespace
}  // namespace usage_ingest::support
