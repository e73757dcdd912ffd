// docs/operations.md, "Alerts": every command line of an entry runs as it is written, on the host
// of a live daemon. What ends the state of an alert is done in that state, too:
// postgres_alerts_test.cc, kafka_alerts_test.cc, missing_rows_test.cc, partitions_skip_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>

#include "tests/support/child_process.h"
#include "tests/support/pipeline/pipeline_fixture.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

struct Step {
  std::string alert;
  std::string command;
};

bool IsCommand(const std::string& text) {
  static const std::regex pattern(
      R"(^(usage-ingestd|systemctl|journalctl|coredumpctl|kafka-[a-z-]+\.sh) .*)");
  return std::regex_match(text, pattern);
}

bool IsSql(const std::string& text) {
  return text.starts_with("SELECT ") || text.starts_with("DELETE ");
}

// Whole lines of sh blocks, and commands and statements between backticks.
std::vector<Step> StepsOfTheManual() {
  std::ifstream manual(std::filesystem::path(USAGE_INGEST_SOURCE_DIR) / "docs" / "operations.md");
  static const std::regex span("`([^`]+)`");
  std::vector<Step> steps;
  std::string alert;
  bool in_block = false;
  bool in_alerts = false;
  for (std::string line; std::getline(manual, line);) {
    if (line.starts_with("## ")) in_alerts = line == "## Alerts";
    if (line.starts_with("### ")) alert = line.substr(4);
    if (!in_alerts || alert.empty()) continue;
    const std::size_t begin = line.find_first_not_of(' ');
    const std::string text = begin == std::string::npos ? "" : line.substr(begin);
    if (text.starts_with("```")) {
      in_block = !in_block;
    } else if (in_block) {
      steps.push_back({alert, text});
    } else {
      for (std::sregex_iterator it(line.begin(), line.end(), span), end; it != end; ++it) {
        const std::string inside = (*it)[1].str();
        if (IsCommand(inside) || IsSql(inside)) steps.push_back({alert, inside});
      }
    }
  }
  return steps;
}

// What only the site or the moment knows, by its name in the manual.
using Values = std::map<std::string, std::string>;

std::string Filled(std::string command, const Values& values) {
  for (const auto& [name, value] : values) {
    for (std::size_t at = 0; (at = command.find(name, at)) != std::string::npos;
         at += value.size()) {
      command.replace(at, name.size(), value);
    }
  }
  return command;
}

class RunbookTest : public PipelineTest {
 protected:
  RunbookTest() : PipelineTest({.kafka = {.own = true}}) {}
  void SetUp() override {
    PipelineTest::SetUp();
    Install(load_);
    Producer producer(kafka_.brokers());
    daemon_ = std::make_unique<DaemonProcess>(DaemonDefaults());
    daemon_->StartAndWait();
    load_.PublishAll(producer);
    producer.Produce({.topic = kTopic, .value = "no JSON"});
    producer.Flush();
    ASSERT_TRUE(WaitUntil(After(60s), [&] {
      return daemon_->Metric("usage_ingest_dead_letters_pending") > 0 &&
             daemon_->Metric("usage_ingest_lag_records") == 0;
    })) << daemon_->log();
  }
  [[nodiscard]] Values ValuesOfThisSite() {
    return {
        {"<reason>", "invalid_json"},
        {"<id>", database_.Value("SELECT min(id) FROM usage_ingest.dead_letters")},
        {"<first>", "2000-01-01"},
        {"<now>", "2100-01-01"},
        {"<brokers>", kafka_.brokers()},
        {"<broker>", "1"},
        {"<segment>", Segment()},
        {"<role>", kDaemonRole},
    };
  }
  // Of a partition of the topic, on the broker's disk.
  [[nodiscard]] std::string Segment() const {
    for (const auto& entry :
         std::filesystem::directory_iterator(kafka_.PartitionDirectory(kTopic, 0))) {
      if (entry.path().extension() == ".log") return entry.path().string();
    }
    throw std::runtime_error("no segment of " + std::string(kTopic));
  }
  // As root on a host with the package, Kafka's tools and systemd: those of systemd only look
  // whether the unit is one of the package.
  [[nodiscard]] CommandResult RunInShell(const std::string& command,
                                         const std::string& conninfo) const {
    const std::string program = R"sh(
usage-ingestd() { "$DAEMON" --config "$CONFIG" "$@"; }
unit() { case $1 in *.*) ls "$SOURCE/systemd/$1" ;; *) ls "$SOURCE/systemd/$1.service" ;; esac; }
systemctl() {
  case $1 in status | restart | cat) ;; *) return 64 ;; esac
  local each; for each in "${@:2}"; do unit "$each" || return; done
}
journalctl() { [ "$1" = -u ] && unit "$2"; }
coredumpctl() { [ "$1" = info ] && [ "$2" = usage-ingestd ]; }
kafka() { java -cp "$KAFKA_LIBS/*" "$@"; }
kafka-console-consumer.sh() { kafka org.apache.kafka.tools.consumer.ConsoleConsumer "$@"; }
kafka-consumer-groups.sh() {
  kafka org.apache.kafka.tools.consumer.group.ConsumerGroupCommand "$@"
}
kafka-transactions.sh() { kafka org.apache.kafka.tools.TransactionsCommand "$@"; }
kafka-dump-log.sh() { kafka kafka.tools.DumpLogSegments "$@"; }
)sh";
    return RunCommand({.command = {"/bin/bash", "-c", program + command},
                       .environment = {{"PATH", "/usr/bin:/bin"},
                                       {"DAEMON", USAGE_INGEST_DAEMON},
                                       {"CONFIG", daemon_->config_file().string()},
                                       {"USAGE_INGEST_POSTGRES_CONNINFO", conninfo},
                                       {"SOURCE", USAGE_INGEST_SOURCE_DIR},
                                       {"KAFKA_LIBS", USAGE_INGEST_SOURCE_DIR "/build/kafka/libs"}},
                       .working_directory = folder_.path()},
                      After(120s));
  }

  GeneratedLoad load_{{.events = 2'000, .odd_share = 0}, kTopic};
  TempDir folder_;
  std::unique_ptr<DaemonProcess> daemon_;
};

TEST_F(RunbookTest, EachCommandOfAnEntryRuns) {
  // Those that refuse, because the state of their alert is not there.
  const std::map<std::string, int> refuse = {{"usage-ingestd partitions skip", 65}};
  const std::string owner = postgres_.conninfo(kDatabase, kOwnerRole);
  const Values values = ValuesOfThisSite();
  std::size_t commands = 0;
  for (const Step& step : StepsOfTheManual()) {
    const std::string command = Filled(step.command, values);
    SCOPED_TRACE(step.alert + ": " + command);
    EXPECT_EQ(command.find('<'), std::string::npos) << "a value that this test does not know";
    if (IsSql(command)) {
      EXPECT_NO_THROW(Database(daemon_->options().conninfo).Execute(command));
    } else {
      int expected = 0;
      for (const auto& [begin, code] : refuse) {
        if (command.starts_with(begin)) expected = code;
      }
      const bool needs_owner = command.starts_with("usage-ingestd migrate");
      const CommandResult result =
          RunInShell(command, needs_owner ? owner : daemon_->options().conninfo);
      EXPECT_EQ(result.exit_code, expected) << result.output << result.errors;
    }
    ++commands;
  }
  EXPECT_GT(commands, 20U);
  EXPECT_TRUE(daemon_->ready()) << daemon_->Get("/readyz").body;
}

}  // namespace
}  // namespace usage_ingest::support
