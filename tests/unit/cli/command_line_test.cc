#include "daemon/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

namespace usage_ingest::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::expected<CommandLine, CommandLineEnd> Parse(const std::string& line) {
  std::istringstream words(line);
  std::vector<std::string> arguments;
  for (std::string word; words >> word;) arguments.push_back(word);
  return ParseCommandLine(arguments);
}

template <class Options>
Options Verb(const std::string& line) {
  const auto parsed = Parse(line);
  if (!parsed) {
    ADD_FAILURE() << line << "\n" << parsed.error().text;
    return {};
  }
  if (!std::holds_alternative<Options>(parsed->verb)) {
    ADD_FAILURE() << line << ": another verb";
    return {};
  }
  return std::get<Options>(parsed->verb);
}

TEST(CommandLineTest, TheConfigurationHasADefaultAndMayStandAnywhere) {
  const auto plain = Parse("run");
  ASSERT_TRUE(plain.has_value());
  EXPECT_EQ(plain->config_path, "/etc/usage-ingestd/usage-ingestd.toml");
  EXPECT_TRUE(plain->config_is_default);
  for (const auto* line :
       {"--config x.toml run", "run --config x.toml", "run --config=x.toml", "-c x.toml run"}) {
    const auto parsed = Parse(line);
    ASSERT_TRUE(parsed.has_value()) << line;
    EXPECT_EQ(parsed->config_path, "x.toml") << line;
    EXPECT_FALSE(parsed->config_is_default) << line;
    EXPECT_TRUE(std::holds_alternative<RunOptions>(parsed->verb)) << line;
  }
}

TEST(CommandLineTest, AValueThatLooksLikeAVerbIsAValue) {
  const auto parsed = Parse("--config run status");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->config_path, "run");
  EXPECT_TRUE(std::holds_alternative<commands::StatusOptions>(parsed->verb));
}

TEST(CommandLineTest, OptionsOfAVerbMayStandBeforeIt) {
  EXPECT_TRUE(Verb<commands::MigrateVerbOptions>("--dry-run migrate").dry_run);
  EXPECT_TRUE(Verb<commands::StatusOptions>("--json status").json);
  EXPECT_TRUE(Verb<commands::CheckConfigOptions>("--connect -c f check-config --json").connect);
  EXPECT_EQ(Verb<commands::DeadLetterOptions>("--id 7 dead-letters --json show").ids.at(0), 7);
  EXPECT_EQ(Verb<commands::DeadLetterOptions>("dead-letters --reason invalid_json list").reason,
            "invalid_json");
}

TEST(CommandLineTest, Migrate) {
  EXPECT_FALSE(Verb<commands::MigrateVerbOptions>("migrate").dry_run);
  EXPECT_EQ(
      Verb<commands::MigrateVerbOptions>("migrate --print-grants usage_ingest").print_grants_for,
      "usage_ingest");
}

TEST(CommandLineTest, ReplayByOffset) {
  const auto replay = Verb<commands::ReplayOptions>(
      "replay --topic t --partition 0 --partition 3 --from-offset 5 --to-offset 9 --dry-run "
      "--no-quota --json");
  EXPECT_EQ(replay.topic, "t");
  EXPECT_THAT(replay.partitions, ElementsAre(0, 3));
  EXPECT_EQ(replay.from_offset, 5);
  EXPECT_EQ(replay.to_offset, 9);
  EXPECT_FALSE(replay.from_time.has_value());
  EXPECT_TRUE(replay.dry_run);
  EXPECT_TRUE(replay.no_quota);
  EXPECT_TRUE(replay.json);
}

TEST(CommandLineTest, ReplayByTime) {
  const auto replay = Verb<commands::ReplayOptions>(
      "replay --topic t --from-time 2026-11-22T18:00:00 --to-time 2026-11-22T20:30:00+02:00");
  EXPECT_EQ(replay.from_time, EventTimeUs{1'795'370'400'000'000});
  EXPECT_EQ(replay.to_time, EventTimeUs{1'795'372'200'000'000});
  EXPECT_THAT(replay.partitions, IsEmpty());
}

TEST(CommandLineTest, ImportTakesFilesAndStandardInput) {
  const auto import = Verb<commands::ImportOptions>("import a.ndjson list.gz - --json");
  EXPECT_THAT(import.files, ElementsAre("a.ndjson", "list.gz", "-"));
  EXPECT_TRUE(import.json);
  EXPECT_THAT(Verb<commands::ImportOptions>("import list run").files, ElementsAre("list", "run"));
  EXPECT_THAT(Verb<commands::ImportOptions>("import -- --odd").files, ElementsAre("--odd"));
}

TEST(CommandLineTest, DeadLetters) {
  const auto list = Verb<commands::DeadLetterOptions>(
      "dead-letters list --reason unattributed --since 2026-11-22");
  EXPECT_EQ(list.action, commands::DeadLetterAction::kList);
  EXPECT_EQ(list.reason, "unattributed");
  EXPECT_EQ(list.since, EventTimeUs{1'795'305'600'000'000});
  const auto discard = Verb<commands::DeadLetterOptions>("dead-letters discard --id 4 --id 5");
  EXPECT_EQ(discard.action, commands::DeadLetterAction::kDiscard);
  EXPECT_THAT(discard.ids, ElementsAre(4, 5));
  EXPECT_TRUE(Verb<commands::DeadLetterOptions>("dead-letters discard --all").all);
  EXPECT_EQ(Verb<commands::DeadLetterOptions>("dead-letters retry").action,
            commands::DeadLetterAction::kRetry);
  EXPECT_TRUE(Verb<commands::DeadLetterOptions>("dead-letters list --since 7d").since.has_value());
}

TEST(CommandLineTest, SummariesAndPartitions) {
  EXPECT_EQ(Verb<commands::SummariesOptions>("summaries verify").action,
            commands::SummariesAction::kVerify);
  const auto rebuild = Verb<commands::SummariesOptions>(
      "summaries rebuild --from 2026-10-01 --to 2026-11-01 --json");
  EXPECT_EQ(rebuild.action, commands::SummariesAction::kRebuild);
  EXPECT_LT(rebuild.from->value, rebuild.to->value);
  EXPECT_EQ(Verb<commands::PartitionsOptions>("partitions list").action,
            commands::PartitionsAction::kList);
  EXPECT_EQ(Verb<commands::PartitionsOptions>("partitions ensure").action,
            commands::PartitionsAction::kEnsure);
  EXPECT_TRUE(Verb<commands::PartitionsOptions>("partitions retain --dry-run").dry_run);
}

TEST(CommandLineTest, VersionIsAnOptionToo) {
  EXPECT_FALSE(Verb<commands::VersionOptions>("--version").json);
  EXPECT_TRUE(Verb<commands::VersionOptions>("version --json").json);
}

struct Refused {
  const char* name;
  const char* line;
  const char* what;
};
class RefusedTest : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedTest, IsAUsageErrorThatSaysWhatToType) {
  const auto parsed = Parse(GetParam().line);
  ASSERT_FALSE(parsed.has_value()) << GetParam().line;
  EXPECT_EQ(parsed.error().exit_code, 64);
  EXPECT_THAT(parsed.error().text, AllOf(HasSubstr("usage-ingestd: error: "),
                                         HasSubstr(GetParam().what), HasSubstr("--help")));
}

const Refused kRefused[] = {
    {"Nothing", "", "no verb is given"},
    {"OnlyOptions", "--config x", "no verb is given"},
    {"MistypedVerb", "rnu", "did you mean run?"},
    {"UnknownVerb", "zebra", "choose check-config, dead-letters"},
    {"MistypedOption", "status --jsn", "did you mean --json?"},
    {"MistypedOptionBefore", "--jsn status", "did you mean --json?"},
    {"MistypedSubVerb", "dead-letters lst", "did you mean list?"},
    {"NoSubVerb", "dead-letters", "subcommand is required"},
    {"OptionOfAnotherVerb", "run --dry-run", "--dry-run is not known here"},
    {"Positional", "status now", "now is not known here"},
    {"ConfigWithoutFile", "run --config", "--config"},
    {"ReplayWithoutTopic", "replay --from-offset 1 --to-offset 2", "--topic is required"},
    {"ReplayWithoutRange", "replay --topic t", "a range is needed"},
    {"ReplayHalfARange", "replay --topic t --from-offset 1", "a range is needed"},
    {"ReplayMixed", "replay --topic t --from-offset 1 --to-time 2026-01-01", "a range is needed"},
    {"ReplayBoth",
     "replay --topic t --from-offset 1 --to-offset 2 --from-time 2026-01-01 --to-time 2026-01-02",
     "a range is needed"},
    {"ReplayEmpty", "replay --topic t --from-offset 2 --to-offset 2", "the range is empty"},
    {"ReplayBackwards", "replay --topic t --from-time 2026-02-01 --to-time 2026-01-01",
     "the range is empty"},
    {"ReplayNegative", "replay --topic t --from-offset -1 --to-offset 2", "--from-offset"},
    {"ReplayNotANumber", "replay --topic t --from-offset x --to-offset 2", "--from-offset"},
    {"ReplayBadTime", "replay --topic t --from-time yesterday --to-time 2026-01-01", "not a time"},
    {"ReplayBadPartition", "replay --topic t --partition -1 --from-offset 1 --to-offset 2",
     "--partition"},
    {"ImportNothing", "import", "files is required"},
    {"GrantsAndDryRun", "migrate --dry-run --print-grants r", "excludes"},
    {"ShowWithoutId", "dead-letters show", "give --id"},
    {"DiscardEverything", "dead-letters discard", "say --all"},
    {"UnknownReason", "dead-letters list --reason zebra", "--reason"},
    {"SummariesEmpty", "summaries verify --from 2026-02-01 --to 2026-01-01", "the range is empty"},
};
INSTANTIATE_TEST_SUITE_P(Each, RefusedTest, ::testing::ValuesIn(kRefused),
                         [](const auto& each) { return each.param.name; });

TEST(CommandLineTest, HelpIsEverywhereAndHasExamples) {
  for (const auto* line : {"--help", "run --help", "--help run", "check-config --help",
                           "migrate -h", "status --help", "replay --help", "import --help",
                           "dead-letters --help", "summaries --help", "partitions --help"}) {
    const auto parsed = Parse(line);
    ASSERT_FALSE(parsed.has_value()) << line;
    EXPECT_EQ(parsed.error().exit_code, 0) << line << parsed.error().text;
    EXPECT_THAT(parsed.error().text, HasSubstr("Example")) << line;
  }
  for (const auto* line : {"dead-letters list --help", "summaries verify --help", "version -h"}) {
    const auto parsed = Parse(line);
    ASSERT_FALSE(parsed.has_value()) << line;
    EXPECT_EQ(parsed.error().exit_code, 0) << line;
    EXPECT_THAT(parsed.error().text, HasSubstr("--json")) << line;
  }
}

}  // namespace
}  // namespace usage_ingest::cli
