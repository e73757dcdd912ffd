// A signal ends a command at once, whatever it waits for: a lock, a server, a broker, a pipe.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "tests/support/network/silent_server.h"
#include "tests/support/pipeline/captured_events.h"
#include "tests/support/pipeline/pipeline_fixture.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

constexpr int kExitInterrupted = 130;
constexpr int kExitDenied = 77;
// Much less than the time-outs of a connection, and more than a busy machine needs.
constexpr auto kAtOnce = 4s;

// Source: proc(5), /proc/PID/status: SigCgt is a mask in hexadecimal of the handled signals.
bool HandlesSignal(pid_t pid, int signal) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("SigCgt:")) continue;
    return (std::stoull(line.substr(7), nullptr, 16) >> (signal - 1) & 1) != 0;
  }
  return false;
}

class InterruptAtOnceTest : public PipelineTest {
 protected:
  void SetUp() override {
    PipelineTest::SetUp();
    SeedCaptured(database_);
    std::ofstream file(Events());
    for (const CapturedEvent& event : CapturedEvents()) file << event.value << '\n';
    Producer producer(kafka_.brokers());
    for (const CapturedEvent& event : CapturedEvents()) {
      producer.Produce({.topic = kTopic, .value = event.value});
    }
    producer.Flush();
    database_.Execute(
        "INSERT INTO usage_ingest.dead_letters (group_id, topic, partition, record_offset, reason, "
        "detail, payload) VALUES ('g', 't', 0, 0, 'invalid_json', 'why', 'torn')");
  }

  [[nodiscard]] std::string Events() const { return folder_.path() / "events"; }
  [[nodiscard]] Words Import() const { return {"import", "--json", Events()}; }
  static Words Replay() {
    return {"replay", "--json", "--topic", kTopic, "--from-offset", "0", "--to-offset", "1000000"};
  }
  [[nodiscard]] DaemonOptions Owner() const {
    DaemonOptions options = DaemonDefaults();
    options.conninfo = postgres_.conninfo(kDatabase, kOwnerRole);
    return options;
  }

  static void ExpectEndsAtOnce(DaemonProcess& program, int signal, const std::string& what) {
    program.Signal(signal);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(program.WaitExit(60s), kExitInterrupted) << what << '\n' << program.log();
    EXPECT_LT(std::chrono::steady_clock::now() - begin, kAtOnce) << what;
    EXPECT_NE(program.log().find("interrupted"), std::string::npos) << what << program.log();
  }

  // The lock is held all the time.
  void InterruptWhileLocked(const DaemonOptions& options, const Words& words,
                            const std::string& table) {
    Database holder = Connect();
    holder.Execute("BEGIN; LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE");
    DaemonProcess program(options);
    program.Start(words);
    ASSERT_TRUE(WaitUntil(
        After(60s),
        [&] { return database_.Number("SELECT count(*) FROM pg_locks WHERE NOT granted") > 0; }))
        << words[0] << program.log();
    ExpectEndsAtOnce(program, SIGINT, words[0] + ' ' + words[1] + " waits for " + table);
    // The server does not finish the statement later.
    EXPECT_TRUE(WaitUntil(After(20s), [&] {
      return database_.Number("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0;
    })) << words[0];
    holder.Execute("ROLLBACK");
  }

  void InterruptWhileAway(const DaemonOptions& options, const Words& words) {
    DaemonProcess program(options);
    program.Start(words);
    ASSERT_TRUE(WaitUntil(After(60s), [&] { return HandlesSignal(program.pid(), SIGTERM); }))
        << words[0] << program.log();
    ExpectEndsAtOnce(program, SIGTERM, words[0] + ' ' + words[1] + " without a server");
  }

  TempDir folder_;
};

TEST_F(InterruptAtOnceTest, WhileALockIsHeld) {
  InterruptWhileLocked(DaemonDefaults(), Import(), "usage_ingest.replays");
  InterruptWhileLocked(DaemonDefaults(), Replay(), "usage_ingest.replays");
  InterruptWhileLocked(DaemonDefaults(), Import(), "public.usage_logs");
  InterruptWhileLocked(DaemonDefaults(), Replay(), "public.usage_logs");
  InterruptWhileLocked(DaemonDefaults(), {"dead-letters", "list"}, "usage_ingest.dead_letters");
  InterruptWhileLocked(Owner(), {"summaries", "verify"}, "public.usage_summaries");
  InterruptWhileLocked(Owner(), {"summaries", "rebuild"}, "public.usage_summaries");
  InterruptWhileLocked(Owner(), {"partitions", "ensure"}, "public.usage_logs");
  InterruptWhileLocked(Owner(), {"migrate", "--dry-run"}, "usage_ingest.migrations");
}

TEST_F(InterruptAtOnceTest, WhileNoServerAnswers) {
  const SilentServer silent;
  DaemonOptions no_database = DaemonDefaults();
  no_database.conninfo = "host=127.0.0.1 dbname=x user=x port=" + std::to_string(silent.port());
  for (const Words& words :
       {Import(), Replay(), Words{"import", "--dry-run", Events()}, Words{"dead-letters", "retry"},
        Words{"summaries", "verify"}, Words{"partitions", "list"}, Words{"partitions", "retain"},
        Words{"migrate", "--dry-run"}}) {
    InterruptWhileAway(no_database, words);
  }
  DaemonOptions no_broker = DaemonDefaults();
  no_broker.brokers = silent.address();
  InterruptWhileAway(no_broker, Replay());
}

TEST_F(InterruptAtOnceTest, WhileThePipeIsEmpty) {
  const std::string pipe = folder_.path() / "pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const int writer = open(pipe.c_str(), O_RDWR | O_CLOEXEC);
  InterruptWhileAway(DaemonDefaults(), {"import", pipe});
  close(writer);
}

// Nothing takes records after a lane has ended: the command must end, too.
TEST_F(InterruptAtOnceTest, AFatalErrorEndsAnImportThatIsLargerThanTheQueue) {
  constexpr std::streamoff kBytes = 96 << 20;
  std::ofstream file(Events());
  while (file.tellp() < kBytes) {
    for (const CapturedEvent& event : CapturedEvents()) file << event.value << '\n';
  }
  file.close();
  database_.Execute("REVOKE INSERT ON public.usage_logs FROM usage_ingest");
  DaemonOptions options = DaemonDefaults();
  options.settings = {{"memory", {{"budget", "\"128MiB\""}}},
                      {"batch", {{"bytes_max", "\"1MiB\""}}},
                      {"postgres", {{"writers", "1"}}},
                      {"events", {{"record_bytes_max", "\"1MiB\""}}}};
  DaemonProcess program(options);
  program.Start({"import", "--json", Events()});
  EXPECT_EQ(program.WaitExit(60s), kExitDenied) << program.log();
  EXPECT_EQ(database_.Value("SELECT outcome FROM usage_ingest.replays"), "failed");
}

}  // namespace
}  // namespace usage_ingest::support
