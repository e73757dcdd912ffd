// `check-config`: is the configuration valid, and do broker and database accept it?
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <iostream>

#include "daemon/commands/command_list.h"
#include "daemon/commands/connect_checks.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/print_problems.h"
#include "daemon/text/units.h"
#include "ingest/kafka/client/property_names.h"

namespace usage_ingest::commands {
namespace {

void PrintSummary(const config::LoadedConfig& loaded) {
  const config::Config& config = loaded.config;
  std::cout << loaded.source << ": fine\n";
  std::cout << fmt::format("  kafka     {}, topics {}, group {}\n", config.kafka.brokers,
                           fmt::join(config.kafka.topics, ", "), config.kafka.group_id);
  std::cout << fmt::format("  library   librdkafka {}\n", kafka::client::LibraryVersion());
  std::cout << fmt::format("  writing   {} writers, batches of {} rows or {} or {}\n",
                           config.postgres.writers, config.batch.rows_max,
                           text::FormatSize(config.batch.bytes_max),
                           text::FormatDuration(config.batch.linger));
  std::cout << fmt::format("  memory    {}\n", text::FormatSize(config.memory_budget_bytes));
  std::cout << fmt::format("  http      {}:{}\n", config.http_listen.host, config.http_listen.port);
}

void PrintJson(const config::LoadedConfig& loaded, const std::vector<ConnectCheck>& checks) {
  text::JsonWriter json;
  json.BeginObject();
  json.Key("source").String(loaded.source);
  json.Key("librdkafka").String(kafka::client::LibraryVersion());
  json.Key("ok").Bool(loaded.problems.empty() && ExitCodeOf(checks) == text::ExitCode::kOk);
  json.Key("problems");
  text::WriteProblems(json, loaded.problems);
  json.Key("warnings").BeginArray();
  for (const std::string& warning : loaded.warnings) json.String(warning);
  json.EndArray().Key("checks").BeginArray();
  for (const ConnectCheck& check : checks) {
    constexpr std::array<std::string_view, 4> kNames = {"ok", "warning", "failed", "unavailable"};
    json.BeginObject();
    json.Key("verdict").String(kNames[static_cast<std::size_t>(check.status)]);
    json.Key("where").String(check.finding.where);
    json.Key("what").String(check.finding.what);
    json.Key("fix").String(check.finding.fix);
    json.EndObject();
  }
  json.EndArray().EndObject();
  std::cout << json.Take() << '\n';
}

class CheckConfig final : public Command {
 public:
  CheckConfig()
      : Command({.name = "check-config",
                 .summary = "Check every key of the configuration",
                 .description = "Exit status 78: a key is wrong. 69: with --connect, a server does "
                                "not answer.",
                 .examples = {"usage-ingestd check-config --connect"}},
                {.kafka = Need::kKeys, .postgres = Need::kKeys, .reports_problems = true}) {}

  std::vector<Option> Options() override {
    return {
        Flag("--connect", "also check broker, topics, database, privileges, trigger and partitions",
             connect_),
        JsonFlag(json_)};
  }

  int Run(const CommandContext& context) override {
    const config::LoadedConfig& loaded = context.loaded;
    std::vector<ConnectCheck> checks;
    if (loaded.problems.empty() && connect_) checks = CheckConnections(loaded.config);
    if (json_) {
      PrintJson(loaded, checks);
    } else if (loaded.problems.empty()) {
      PrintSummary(loaded);
      PrintChecks(checks, std::cout);
    } else {
      text::PrintProblems(loaded.problems, std::cerr);
    }
    if (!loaded.problems.empty()) return text::ToInt(text::ExitCode::kConfig);
    return text::ToInt(ExitCodeOf(checks));
  }

 private:
  bool connect_ = false;
  bool json_ = false;
};

}  // namespace

CommandPtr MakeCheckConfig() { return std::make_unique<CheckConfig>(); }

}  // namespace usage_ingest::commands
