// What `migrate` and `summaries verify` print: short enough to read, complete enough to decide.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "schema/migrations.h"
#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class AdminOutputTest : public PipelineTest {
 protected:
  [[nodiscard]] CommandResult RunOn(const std::string& database,
                                    const std::vector<std::string>& words) const {
    DaemonOptions options = DaemonDefaults();
    options.conninfo = postgres_.conninfo(database);
    const DaemonProcess program(options);
    return program.Run(words);
  }
};

TEST_F(AdminOutputTest, TheDryRunOfMigrateBeginsWithOneScreen) {
  postgres_.CreateDatabase("empty");
  const CommandResult plan = RunOn("empty", {"migrate", "--dry-run"});
  ASSERT_EQ(plan.exit_code, 0) << plan.errors;
  EXPECT_THAT(plan.output, StartsWith("-- step"));
  const std::string summary = plan.output.substr(0, plan.output.find("\n\n"));
  EXPECT_EQ(std::ranges::count(summary, '\n'), static_cast<std::int64_t>(Migrations().size()));
  for (const Migration& step : Migrations()) EXPECT_THAT(summary, HasSubstr(step.name));
  EXPECT_THAT(summary, HasSubstr("SHARE ROW EXCLUSIVE on api_keys"));
  EXPECT_THAT(summary, HasSubstr("milliseconds"));
  constexpr std::size_t kColumnsMax = 160;
  for (std::size_t at = 0; at < summary.size();) {
    const std::size_t end = std::min(summary.find('\n', at), summary.size());
    EXPECT_LE(end - at, kColumnsMax) << summary.substr(at, end - at);
    at = end + 1;
  }
  EXPECT_THAT(plan.output, HasSubstr("CREATE TABLE IF NOT EXISTS usage_ingest.kafka_offsets"));
}

TEST_F(AdminOutputTest, MigrateAsJsonListsTheStepsOnStdoutAlone) {
  postgres_.CreateDatabase("empty");
  const CommandResult plan = RunOn("empty", {"migrate", "--dry-run", "--json"});
  ASSERT_EQ(plan.exit_code, 0) << plan.errors;
  EXPECT_THAT(plan.output, StartsWith(R"({"dry_run":true,"steps":[{"name":"0001_create_ledger")"));
  EXPECT_THAT(plan.output, HasSubstr(R"("time":"milliseconds","reversible":")"));
  EXPECT_EQ(std::ranges::count(plan.output, '\n'), 1);

  const CommandResult first = RunOn("empty", {"migrate", "--json"});
  ASSERT_EQ(first.exit_code, 0) << first.errors;
  EXPECT_THAT(first.output, StartsWith(R"({"dry_run":false,"steps":[{"name":"0001_)"));
  EXPECT_THAT(first.errors, HasSubstr("database is at"));
  EXPECT_EQ(RunOn("empty", {"migrate", "--json"}).output, "{\"dry_run\":false,\"steps\":[]}\n");
}

TEST_F(AdminOutputTest, VerifySaysWhenItListsOnlySomeDifferences) {
  // Rows without their summaries of hour, day and month, each of another model.
  const auto add = [&](int first, int last) {
    database_.Execute(
        "SET session_replication_role = replica; INSERT INTO usage_logs (subscription_id, "
        "model_id, request_tokens, response_tokens) SELECT gen_random_uuid(), 'm' || n, 1, 1 FROM "
        "generate_series(" +
        std::to_string(first) + ", " + std::to_string(last) + ") AS n; RESET ALL");
  };
  add(1, 30);
  const CommandResult complete = RunOn(kDatabase, {"summaries", "verify"});
  EXPECT_EQ(complete.exit_code, 1) << complete.errors;
  EXPECT_THAT(complete.output, HasSubstr("90 summaries compared, 90 differ"));
  EXPECT_THAT(complete.output, Not(HasSubstr("are listed")));
  add(31, 60);
  const CommandResult truncated = RunOn(kDatabase, {"summaries", "verify"});
  EXPECT_EQ(truncated.exit_code, 1) << truncated.errors;
  EXPECT_THAT(truncated.output, HasSubstr("only 100 of the 180 summaries that differ are listed"));
}

}  // namespace
}  // namespace usage_ingest::support
