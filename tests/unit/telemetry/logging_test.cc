#include "daemon/telemetry/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/formatter.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/telemetry/log_sink.h"
#include "tests/support/captured_log.h"

namespace usage_ingest::telemetry {
namespace {

TEST(LoggingTest, AMessageBecomesOneLineOfJsonWhateverIsInIt) {
  const spdlog::log_clock::time_point time{std::chrono::seconds(1'795'370'400)};
  const spdlog::details::log_msg message(time, {}, "usage-ingestd", spdlog::level::warn,
                                         "a \"quoted\"\nline \xFF");
  spdlog::memory_buf_t out;
  MakeJsonLogFormatter()->format(message, out);
  EXPECT_THAT(std::string(out.data(), out.size()),
              ::testing::MatchesRegex(R"(\{"time":"2026-11-22T18:00:00Z","level":"warning",)"
                                      R"("thread":[0-9]+,"message":)"
                                      "\"a \\\\\"quoted\\\\\"\\\\u000aline \xEF\xBF\xBD\"\\}\n"));
}

TEST(LoggingTest, AutoIsTheJournalOnlyWhenStderrReallyIsIt) {
  struct stat status{};
  ASSERT_EQ(fstat(STDERR_FILENO, &status), 0);
  const std::string ours = std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
  EXPECT_EQ(ChooseLogTarget(config::LogFormat::kAuto, ours), LogTarget::kJournal);
  EXPECT_EQ(ChooseLogTarget(config::LogFormat::kAuto, "1:1"), LogTarget::kText);
  EXPECT_EQ(ChooseLogTarget(config::LogFormat::kAuto, ""), LogTarget::kText);
  EXPECT_EQ(ChooseLogTarget(config::LogFormat::kJson, ours), LogTarget::kJson);
  EXPECT_EQ(ChooseLogTarget(config::LogFormat::kText, ours), LogTarget::kText);
}

// Two lanes fail in turn, each with another row each time.
TEST(LoggingTest, ErrorsThatDifferInATupleNumberAreOneLineForEachCause) {
  LogSink sink;
  const support::CapturedLog log;
  for (int row = 0; row < 100; ++row) {
    for (const char* table : {"usage_summaries", "subscriptions"}) {
      const std::string message =
          "55P03: canceling statement due to lock timeout (while updating tuple (" +
          std::to_string(row) + ",7) in relation \"" + table + "\")";
      sink.On(pipeline::PostgresFailed{pipeline::PostgresErrorClass::kTransient, message});
    }
  }
  EXPECT_EQ(log.lines(), 2) << log.text();
}

TEST(LoggingTest, EachStuckPartitionHasALine) {
  LogSink sink;
  const support::CapturedLog log;
  for (int repeated = 0; repeated < 3; ++repeated) {
    for (const char* why : {"t/0 is stuck at offset 5", "t/1 is stuck at offset 5"}) {
      sink.On(pipeline::PartitionStuck{.stuck = true, .why = why});
    }
  }
  EXPECT_EQ(log.lines(), 2) << log.text();
}

}  // namespace
}  // namespace usage_ingest::telemetry
