// docs/operations.md, UsageIngestRowsMissing: rows of usage_logs disappear while the daemon runs.
// It says so within a minute, and the commands of the runbook bring the rows back, exactly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/child_process.h"
#include "tests/support/pipeline/pipeline_fixture.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// What LiteMaaS' backup has of the tables that refer to users, in an order that foreign keys allow.
constexpr const char* kBackedUp[] = {"users",         "teams",          "team_members",
                                     "subscriptions", "api_keys",       "api_key_models",
                                     "usage_logs",    "usage_summaries"};

class MissingRowsTest : public PipelineTest {
 protected:
  MissingRowsTest() : load_({.events = 5'000}, kTopic) {}

  void SetUp() override {
    PipelineTest::SetUp();
    Install(load_);
    producer_ = std::make_unique<Producer>(kafka_.brokers());
    daemon_ = std::make_unique<DaemonProcess>(DaemonDefaults());
    daemon_->StartAndWait();
    PublishAndWait(3'000);
  }
  void PublishAndWait(std::uint64_t count) {
    load_.Publish(*producer_, count);
    ASSERT_TRUE(WaitUntil(After(60s), [&] {
      return Totals::CaughtUp(database_, load_.Expected(*producer_), kafka_.admin());
    })) << daemon_->log();
  }
  void BackUp() {
    database_.Execute("CREATE SCHEMA backup");
    for (const std::string table : kBackedUp) {
      database_.Execute("CREATE TABLE backup." + table + " AS TABLE public." + table);
    }
  }
  void Restore(std::size_t tables) {
    Database owner = ConnectAsOwner();
    owner.Execute("TRUNCATE users CASCADE");
    // As a dump is restored: row triggers do not count its rows again.
    database_.Execute("SET usage_ingest.aggregating = 'on'");
    for (const std::string table : std::span(kBackedUp).first(tables)) {
      const std::string columns = database_.Value(
          "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute WHERE attrelid = $1::"
          "regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''",
          {"public." + table});
      database_.Execute("INSERT INTO public." + table + " (" + columns + ") SELECT " + columns +
                        " FROM backup." + table + " ON CONFLICT DO NOTHING");
    }
  }
  [[nodiscard]] bool SaysMissing(bool missing) {
    return WaitUntil(After(60s), [&] {
      const std::string status = daemon_->Get("/status").body;
      const bool is_known = status.find(R"("missing_rows":{)") != std::string::npos;
      return is_known && (daemon_->Metric("usage_ingest_sampled_rows_missing") > 0) == missing;
    });
  }
  // The command of the runbook that begins with `begin` and has `part` or not.
  static std::string Command(const std::string& begin, const std::string& part, bool has_part) {
    const std::string text =
        ReadFile(std::filesystem::path(USAGE_INGEST_SOURCE_DIR) / "docs" / "operations.md");
    std::size_t at = text.find("### UsageIngestRowsMissing");
    for (at = text.find(begin, at); at != std::string::npos; at = text.find(begin, at + 1)) {
      std::string line = text.substr(at, text.find('\n', at) - at);
      if ((line.find(part) != std::string::npos) == has_part) return line;
    }
    throw std::runtime_error("docs/operations.md: no " + begin);
  }
  void RunAsWritten(std::string command) {
    for (const auto& [name, value] :
         {std::pair{"<first>", "2000-01-01"}, {"<now>", "2100-01-01"}}) {
      if (const std::size_t at = command.find(name); at != std::string::npos) {
        command.replace(at, std::string(name).size(), value);
      }
    }
    const std::string program = "usage-ingestd() { '" USAGE_INGEST_DAEMON "' --config '" +
                                daemon_->config_file().string() + "' \"$@\"; }\n";
    const CommandResult result = RunCommand({.command = {"/bin/bash", "-ec", program + command},
                                             .environment = {{"PATH", "/usr/bin:/bin"}},
                                             .working_directory = folder_.path()},
                                            After(120s));
    EXPECT_EQ(result.exit_code, 0) << command << result.output << result.errors;
  }
  void ExpectWhole() {
    EXPECT_TRUE(SaysMissing(false)) << daemon_->Get("/readyz").body;
    EXPECT_EQ(daemon_->Get("/readyz").body, "ready\n");
    EXPECT_EQ(RowCount(), load_.expectation().inserted());
    Totals::ExpectSummariesExact(database_);
    Totals::ExpectHistoryExact(database_);
    totals_->ExpectCountersExact(database_);
  }

  GeneratedLoad load_;
  TempDir folder_;
  std::unique_ptr<Producer> producer_;
  std::unique_ptr<DaemonProcess> daemon_;
};

// The backup has users and their counters, and no usage.
TEST_F(MissingRowsTest, LiteMaasRestoresItsBackup) {
  EXPECT_TRUE(SaysMissing(false)) << daemon_->Get("/status").body;
  BackUp();
  Restore(6);
  ASSERT_EQ(RowCount(), 0);
  ASSERT_TRUE(SaysMissing(true)) << daemon_->log();
  const HttpReply ready = daemon_->Get("/readyz");
  EXPECT_EQ(ready.status, 200);
  EXPECT_THAT(ready.body, HasSubstr("rows of usage_logs have disappeared since 20"));
  EXPECT_THAT(daemon_->Get("/status").body, HasSubstr(R"("missing_rows":{"samples":)"));
  // The page's text is kept for up to a second.
  EXPECT_TRUE(WaitUntil(After(10s), [&] {
    return daemon_->Run({"status"})
               .output.find("\nattention     rows of usage_logs have disappeared") !=
           std::string::npos;
  }));
  RunAsWritten(Command("usage-ingestd replay", "--no-quota", true));
  RunAsWritten(Command("usage-ingestd summaries verify", "rebuild", true));
  ExpectWhole();
}

// The backup has usage and counters, and is older than the last rows.
TEST_F(MissingRowsTest, AnOlderDumpIsRestored) {
  BackUp();
  PublishAndWait(2'000);
  Restore(std::size(kBackedUp));
  ASSERT_LT(RowCount(), load_.expectation().inserted());
  ASSERT_TRUE(SaysMissing(true)) << daemon_->log();
  RunAsWritten(Command("usage-ingestd replay", "--no-quota", false));
  RunAsWritten(Command("usage-ingestd summaries verify", "rebuild", true));
  ExpectWhole();
}

// Counters and summaries are those of the rows that are gone.
TEST_F(MissingRowsTest, OnlyTheRowsAreTruncated) {
  ConnectAsOwner().Execute("TRUNCATE usage_logs");
  ASSERT_TRUE(SaysMissing(true)) << daemon_->log();
  RunAsWritten(Command("usage-ingestd replay", "--no-quota", true));
  RunAsWritten(Command("usage-ingestd summaries verify", "rebuild", true));
  ExpectWhole();
}

}  // namespace
}  // namespace usage_ingest::support
