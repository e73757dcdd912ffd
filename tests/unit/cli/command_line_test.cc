#include "daemon/cli/command_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "daemon/commands/command_list.h"

namespace usage_ingest::cli {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;

using Values = std::map<std::string, std::vector<std::string>>;  // of each option, as typed

// A command whose options write down what they are given before they take it.
class RecordingCommand final : public commands::Command {
 public:
  RecordingCommand(commands::Command& command, Values& values)
      : Command(command.text(), command.needs()), command_(command), values_(values) {
    for (const auto& subcommand : command_.subcommands()) {
      subcommands_.push_back(std::make_unique<RecordingCommand>(*subcommand, values));
    }
  }

  std::vector<commands::Option> Options() override {
    auto options = command_.Options();
    for (commands::Option& option : options) {
      option.set = [this, name = option.name(), set = option.set](const std::string& value) {
        values_[name].push_back(value);
        return set(value);
      };
    }
    return options;
  }
  [[nodiscard]] std::optional<Problem> Check() const override { return command_.Check(); }
  int Run(const commands::CommandContext& context) override { return command_.Run(context); }
  [[nodiscard]] std::span<const commands::CommandPtr> subcommands() const override {
    return subcommands_;
  }

 private:
  commands::Command& command_;
  commands::CommandList subcommands_;
  Values& values_;
};

// What a command line means: the command, the configuration and the values of its options; or why
// it means nothing.
struct Parsed {
  std::string command;
  std::string config_path;
  Values values;
  std::optional<CommandLineEnd> end;
};

Parsed Parse(const std::string& line) {
  std::istringstream words(line);
  std::vector<std::string> arguments;
  for (std::string word; words >> word;) arguments.push_back(word);
  Parsed parsed;
  const auto all = commands::AllCommands();
  commands::CommandList recording;
  for (const auto& command : all) {
    recording.push_back(std::make_unique<RecordingCommand>(*command, parsed.values));
  }
  const auto result = ParseCommandLine(recording, arguments);
  if (result) {
    parsed.command = result->command->text().name;
    parsed.config_path = result->config_path;
  } else {
    parsed.end = result.error();
  }
  return parsed;
}

Values ValuesOf(const std::string& line, const std::string& command) {
  const Parsed parsed = Parse(line);
  if (parsed.end) ADD_FAILURE() << line << "\n" << parsed.end->text;
  EXPECT_EQ(parsed.command, command) << line;
  return parsed.values;
}

TEST(CommandLineTest, TheConfigurationHasADefaultAndMayStandAnywhere) {
  const auto plain = Parse("run");
  EXPECT_EQ(plain.command, "run");
  EXPECT_EQ(plain.config_path, "");
  for (const auto* line : {"--config x.toml run", "run --config x.toml", "run --config=x.toml",
                           "-c x.toml run", "-cx.toml run"}) {
    const auto parsed = Parse(line);
    EXPECT_EQ(parsed.command, "run") << line;
    EXPECT_EQ(parsed.config_path, "x.toml") << line;
  }
}

TEST(CommandLineTest, AValueThatLooksLikeACommandIsAValue) {
  const auto parsed = Parse("--config run status");
  EXPECT_EQ(parsed.config_path, "run");
  EXPECT_EQ(parsed.command, "status");
}

TEST(CommandLineTest, OptionsOfACommandMayStandBeforeIt) {
  EXPECT_THAT(ValuesOf("--dry-run migrate", "migrate"), ElementsAre(Key("--dry-run")));
  EXPECT_THAT(ValuesOf("--json status", "status"), ElementsAre(Key("--json")));
  EXPECT_THAT(ValuesOf("--connect -c f check-config --json", "check-config"),
              ElementsAre(Key("--connect"), Key("--json")));
  EXPECT_THAT(ValuesOf("--id 7 dead-letters --json show", "show")["--id"], ElementsAre("7"));
  EXPECT_THAT(ValuesOf("dead-letters --reason invalid_json list", "list")["--reason"],
              ElementsAre("invalid_json"));
}

TEST(CommandLineTest, Migrate) {
  EXPECT_THAT(ValuesOf("migrate", "migrate"), IsEmpty());
  EXPECT_THAT(ValuesOf("migrate --print-grants usage_ingest", "migrate")["--print-grants"],
              ElementsAre("usage_ingest"));
}

TEST(CommandLineTest, ReplayByOffset) {
  const auto values = ValuesOf(
      "replay --topic t --partition 0 --partition 3 --from-offset 5 --to-offset 9 --dry-run "
      "--no-quota --json",
      "replay");
  EXPECT_THAT(
      values,
      ElementsAre(Key("--dry-run"), Pair("--from-offset", ElementsAre("5")), Key("--json"),
                  Key("--no-quota"), Pair("--partition", ElementsAre("0", "3")),
                  Pair("--to-offset", ElementsAre("9")), Pair("--topic", ElementsAre("t"))));
}

TEST(CommandLineTest, ReplayByTime) {
  auto values = ValuesOf(
      "replay --topic t --from-time 2026-11-22T18:00:00 --to-time 2026-11-22T20:30:00+02:00",
      "replay");
  EXPECT_THAT(values["--from-time"], ElementsAre("2026-11-22T18:00:00"));
  EXPECT_THAT(values["--to-time"], ElementsAre("2026-11-22T20:30:00+02:00"));
  EXPECT_THAT(values["--partition"], IsEmpty());
}

TEST(CommandLineTest, ImportTakesFilesAndStandardInput) {
  auto values = ValuesOf("import a.ndjson list.gz - --json", "import");
  EXPECT_THAT(values["FILE"], ElementsAre("a.ndjson", "list.gz", "-"));
  EXPECT_THAT(values, Contains(Key("--json")));
  EXPECT_THAT(ValuesOf("import list run", "import")["FILE"], ElementsAre("list", "run"));
  EXPECT_THAT(ValuesOf("import -- --odd", "import")["FILE"], ElementsAre("--odd"));
}

TEST(CommandLineTest, DeadLetters) {
  auto list = ValuesOf("dead-letters list --reason unattributed --since 2026-11-22", "list");
  EXPECT_THAT(list["--reason"], ElementsAre("unattributed"));
  EXPECT_THAT(list["--since"], ElementsAre("2026-11-22"));
  EXPECT_THAT(ValuesOf("dead-letters discard --id 4 --id 5", "discard")["--id"],
              ElementsAre("4", "5"));
  EXPECT_THAT(ValuesOf("dead-letters discard --all", "discard"), ElementsAre(Key("--all")));
  EXPECT_THAT(ValuesOf("dead-letters retry", "retry"), IsEmpty());
  EXPECT_THAT(ValuesOf("dead-letters list --since 7d", "list"), ElementsAre(Key("--since")));
}

TEST(CommandLineTest, SummariesAndPartitions) {
  ValuesOf("summaries verify", "verify");
  auto rebuild = ValuesOf("summaries rebuild --from 2026-10-01 --to 2026-11-01 --json", "rebuild");
  EXPECT_THAT(rebuild, ElementsAre(Key("--from"), Key("--json"), Key("--to")));
  ValuesOf("partitions list", "list");
  ValuesOf("partitions ensure", "ensure");
  EXPECT_THAT(ValuesOf("partitions retain --dry-run", "retain"), ElementsAre(Key("--dry-run")));
}

TEST(CommandLineTest, VersionIsAnOptionAnywhere) {
  for (const auto* line : {"--version", "-V", "status --version", "replay -V", "-c f --version",
                           "--version --help-me"}) {
    EXPECT_THAT(ValuesOf(line, "version"), IsEmpty()) << line;
  }
  EXPECT_THAT(ValuesOf("version --json", "version"), ElementsAre(Key("--json")));
}

// SplitArguments finds the values before it knows the command.
TEST(CommandLineTest, AnOptionNameTakesAValueInEveryCommandOrInNone) {
  std::map<std::string, bool> takes_value;
  const auto check = [&](const std::vector<commands::Option>& options) {
    for (const auto& option : options) {
      for (const auto& name : option.names) {
        const auto [known, is_new] = takes_value.try_emplace(name, option.takes_value());
        EXPECT_EQ(known->second, option.takes_value()) << name;
      }
    }
  };
  commands::GlobalArguments unused;
  for (const auto& command : commands::AllCommands()) {
    check(commands::GlobalOptions(unused));
    check(command->Options());
    for (const auto& subcommand : command->subcommands()) check(subcommand->Options());
  }
  EXPECT_GT(takes_value.size(), 15u);
}

struct Refused {
  const char* name;
  const char* line;
  const char* what;
};
class RefusedTest : public ::testing::TestWithParam<Refused> {};

TEST_P(RefusedTest, IsAUsageErrorThatSaysWhatToType) {
  const auto parsed = Parse(GetParam().line);
  ASSERT_TRUE(parsed.end.has_value()) << GetParam().line;
  EXPECT_EQ(parsed.end->exit_code, 64);
  EXPECT_THAT(parsed.end->text, AllOf(HasSubstr("usage-ingestd: error: "),
                                      HasSubstr(GetParam().what), HasSubstr("--help")));
}

const Refused kRefused[] = {
    {"Nothing", "", "no command is given"},
    {"OnlyOptions", "--config x", "no command is given"},
    {"MistypedCommand", "rnu", "did you mean run?"},
    {"UnknownCommand", "zebra", "choose check-config, completion, dead-letters"},
    {"MistypedOption", "status --jsn", "did you mean --json?"},
    {"MistypedOptionBefore", "--jsn status", "did you mean --json?"},
    {"MistypedSubcommand", "dead-letters lst", "did you mean list?"},
    {"NoSubcommand", "dead-letters", "subcommand is required"},
    {"OptionOfAnotherCommand", "run --dry-run", "--dry-run is not known here"},
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
    {"ImportNothing", "import", "FILE is required"},
    {"GrantsAndDryRun", "migrate --dry-run --print-grants r", "excludes"},
    {"ShowWithoutId", "dead-letters show", "give --id"},
    {"ShowByReason", "dead-letters show --reason invalid_json", "--reason"},
    {"DiscardEverything", "dead-letters discard", "say --all"},
    {"UnknownReason", "dead-letters list --reason zebra", "--reason"},
    {"MistypedRequiredOption", "replay --topik x", "did you mean --topic?"},
    {"MistypedReason", "dead-letters list --reason unatributed", "did you mean unattributed?"},
    {"NegativeId", "dead-letters show --id -3", "--id must be a whole number from 0, not -3\n"},
    {"LargePartition", "replay --topic t --partition 4294967296 --from-offset 1 --to-offset 2",
     "--partition must be a whole number"},
    {"GivenTwice", "replay --topic a --topic b --from-offset 1 --to-offset 2", "given twice"},
    {"FlagWithValue", "status --json=yes", "--json takes no value"},
    {"OptionInsteadOfAValue", "status --config --json", "--config needs a value"},
    {"ReportWrongMonth", "report --month 2026-13", "--month must be a month, not 2026-13"},
    {"ReportMonthOfADay", "report --month 2026-11-01", "--month must be a month"},
    {"ReportWrongDay", "report --from 2026-02-30", "--from must be a day, not 2026-02-30"},
    {"ReportDayWithTime", "report --from 2026-02-03T10:00Z", "--from must be a day"},
    {"ReportEmpty", "report --from 2026-02-02 --to 2026-02-02", "the range is empty"},
    {"ReportMonthAndDays", "report --month 2026-11 --from 2026-11-01", "--from"},
    {"ReportMonthAndEnd", "report --month 2026-11 --to 2026-11-02", "cannot be given together"},
    {"ReportWrongSubject", "report --by users", "did you mean user?"},
    {"ReportWrongFormat", "report --format xlsx", "choose table, csv, json"},
    {"SummariesEmpty", "summaries verify --from 2026-02-01 --to 2026-01-01", "the range is empty"},
};
INSTANTIATE_TEST_SUITE_P(Each, RefusedTest, ::testing::ValuesIn(kRefused),
                         [](const auto& each) { return each.param.name; });

TEST(CommandLineTest, HelpIsEverywhereAndHasExamples) {
  for (const auto* line :
       {"--help", "-h", "--config f --help", "-c f -h", "run --help", "--help run",
        "check-config --help", "migrate -h", "status --help", "replay --help", "import --help",
        "dead-letters --help", "summaries --help", "partitions --help", "status --jsn --help"}) {
    const auto parsed = Parse(line);
    ASSERT_TRUE(parsed.end.has_value()) << line;
    EXPECT_EQ(parsed.end->exit_code, 0) << line << parsed.end->text;
    EXPECT_THAT(parsed.end->text, AllOf(HasSubstr("Example"), HasSubstr("--config"))) << line;
  }
  for (const auto* line : {"dead-letters list --help", "summaries verify --help", "version -h"}) {
    const auto parsed = Parse(line);
    ASSERT_TRUE(parsed.end.has_value()) << line;
    EXPECT_EQ(parsed.end->exit_code, 0) << line;
    EXPECT_THAT(parsed.end->text, HasSubstr("--json")) << line;
  }
}

TEST(CommandLineTest, HelpOfASubcommandIsItsOwn) {
  const auto help = Parse("dead-letters show --help").end->text;
  EXPECT_THAT(help, AllOf(HasSubstr("Usage: usage-ingestd dead-letters show [OPTIONS]\n"),
                          HasSubstr("usage-ingestd dead-letters show --id 42"),
                          Not(HasSubstr("dead-letters discard"))));
  EXPECT_THAT(Parse("replay --help").end->text,
              HasSubstr("Usage: usage-ingestd replay --topic TOPIC [OPTIONS]\n"));
}

}  // namespace
}  // namespace usage_ingest::cli
