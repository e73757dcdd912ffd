// A command that a signal stops ends with 130, prints what it did until then, and continues later.
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/integration/replay_report.h"
#include "tests/support/pipeline/captured_events.h"
#include "tests/support/pipeline/pipeline_fixture.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

constexpr int kExitInterrupted = 130;

// Source: proc(5), /proc/PID/status: SigCgt is a mask in hexadecimal of the handled signals.
bool HandlesSignal(pid_t pid, int signal) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("SigCgt:")) continue;
    return (std::stoull(line.substr(7), nullptr, 16) >> (signal - 1) & 1) != 0;
  }
  return false;
}

class InterruptTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    SeedCaptured(database_);
    program_ = std::make_unique<DaemonProcess>(DaemonDefaults());
  }

  enum class Lock { kHeld, kReleased };

  // Runs a command until it waits for `table` and sends the signal. Released: lets it finish its
  // transaction. The exit code.
  int Interrupt(const std::vector<std::string>& words, const std::string& table, int signal,
                Lock lock) {
    Database holder = Connect();
    holder.Execute("BEGIN; LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE");
    program_->Start(words);
    EXPECT_TRUE(WaitUntil(After(60s), [&] {
      return database_.Number("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0;
    })) << program_->log();
    program_->Signal(signal);
    // It handles a signal once; a second one has its default effect.
    EXPECT_TRUE(WaitUntil(After(60s), [&] { return !HandlesSignal(program_->pid(), signal); }));
    if (lock == Lock::kReleased) holder.Execute("COMMIT");
    const int exit_code = program_->WaitExit(60s);
    if (lock == Lock::kHeld) holder.Execute("COMMIT");
    return exit_code;
  }

  std::string ReplayOutcome() {
    return database_.Value("SELECT outcome FROM usage_ingest.replays ORDER BY id DESC LIMIT 1");
  }

  TempDir folder_;
  std::unique_ptr<DaemonProcess> program_;
};

TEST_F(InterruptTest, Import) {
  const std::string path = folder_.path() / "events";
  std::ofstream file(path);
  for (const CapturedEvent& event : CapturedEvents()) file << event.value << '\n';
  file.close();
  EXPECT_EQ(Interrupt({"import", "--json", path}, "public.usage_logs", SIGINT, Lock::kHeld),
            kExitInterrupted);
  EXPECT_EQ(ReportField(program_->log(), "records"), 0) << program_->log();
  EXPECT_EQ(ReplayOutcome(), "interrupted");
  EXPECT_EQ(program_->Run({"import", "--json", path}).exit_code, 0);
  EXPECT_EQ(ReplayOutcome(), "finished");
  EXPECT_GT(RowCount(), 0);
}

TEST_F(InterruptTest, Replay) {
  Producer producer(kafka_.brokers());
  for (const CapturedEvent& event : CapturedEvents())
    producer.Produce({.topic = kTopic, .value = event.value});
  producer.Flush();
  const std::vector<std::string> words = {"replay",        "--json", "--topic",     kTopic,
                                          "--from-offset", "0",      "--to-offset", "1000000"};
  EXPECT_EQ(Interrupt(words, "public.usage_logs", SIGTERM, Lock::kHeld), kExitInterrupted);
  EXPECT_EQ(ReportField(program_->log(), "records"), 0) << program_->log();
  EXPECT_EQ(ReplayOutcome(), "interrupted");
  EXPECT_EQ(program_->Run(words).exit_code, 0);
  EXPECT_GT(RowCount(), 0);
}

TEST_F(InterruptTest, RetryOfDeadLettersFinishesItsTransaction) {
  database_.Execute(
      "INSERT INTO usage_ingest.dead_letters (group_id, topic, partition, record_offset, reason, "
      "detail, payload) VALUES ('g', 't', 0, 0, 'invalid_json', 'why', 'torn')");
  EXPECT_EQ(Interrupt({"dead-letters", "retry", "--json"}, "usage_ingest.dead_letters", SIGINT,
                      Lock::kReleased),
            kExitInterrupted);
  EXPECT_EQ(ReportField(program_->log(), "dead_lettered"), 1) << program_->log();
}

// Scripts read the result object of a run that failed, too: what it counts is in the tables.
TEST_F(InterruptTest, TheResultIsPrintedWhenTheDatabaseFails) {
  for (const auto& [table, words] :
       {std::pair<std::string, std::vector<std::string>>{
            "replays",
            {"replay", "--json", "--topic", kTopic, "--from-offset", "0", "--to-offset", "9"}},
        {"dead_letters", {"dead-letters", "retry", "--json"}}}) {
    database_.Execute("ALTER TABLE usage_ingest." + table + " RENAME TO elsewhere");
    const CommandResult result = program_->Run(words);
    database_.Execute("ALTER TABLE usage_ingest.elsewhere RENAME TO " + table);
    EXPECT_NE(result.exit_code, 0) << table;
    EXPECT_NE(result.errors, "") << table;
    EXPECT_EQ(ReportField(result.output, "inserted"), 0) << table;
  }
}

}  // namespace
}  // namespace usage_ingest::support
