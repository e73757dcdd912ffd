#include "daemon/telemetry/logging.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/formatter.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/telemetry/json_log_formatter.h"

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

}  // namespace
}  // namespace usage_ingest::telemetry
