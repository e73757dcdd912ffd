// usage-ingestd: from the command line to a verb. What the verbs do is in verb_*.cc and run.cc.
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "daemon/assembly/component_checks.h"
#include "daemon/cli/command_line.h"
#include "daemon/config/config_load.h"
#include "daemon/service/daemon.h"
#include "daemon/service/reloader.h"
#include "daemon/telemetry/logging.h"
#include "daemon/text/print_problems.h"
#include "daemon/text/user_error.h"

namespace usage_ingest {
namespace {

config::ConfigNeeds NeedsOf(const cli::VerbOptions& verb) {
  const bool reads_kafka = std::holds_alternative<cli::RunOptions>(verb) ||
                           std::holds_alternative<commands::ReplayOptions>(verb) ||
                           std::holds_alternative<commands::CheckConfigOptions>(verb);
  return {.kafka = reads_kafka, .postgres = true};
}

config::LoadedConfig Load(const cli::CommandLine& line) {
  std::optional<config::ConfigText> file;
  // A container may have everything in its environment; a file that was named must be there.
  if (!line.config_is_default || std::filesystem::exists(line.config_path)) {
    file = config::ReadConfigFile(line.config_path);
  }
  config::LoadedConfig loaded =
      config::LoadConfig(file, config::ProcessEnvironment(), NeedsOf(line.verb));
  assembly::CheckParts(loaded);
  return loaded;
}

int Run(const cli::CommandLine& line, const config::Config& config) {
  service::Reloader reloader(config, [&line] { return Load(line); });
  return service::RunDaemon(config, [&reloader] { reloader.Reload(); });
}

int CallVerb(const cli::CommandLine& line, const config::LoadedConfig& loaded) {
  const config::Config& config = loaded.config;
  return std::visit(
      [&](const auto& options) {
        using Options = std::remove_cvref_t<decltype(options)>;
        if constexpr (std::is_same_v<Options, cli::RunOptions>) return Run(line, config);
        if constexpr (std::is_same_v<Options, commands::CheckConfigOptions>) {
          return commands::CheckConfig(loaded, options);
        }
        if constexpr (std::is_same_v<Options, commands::MigrateVerbOptions>) {
          return commands::MigrateDatabase(config, options);
        }
        if constexpr (std::is_same_v<Options, commands::StatusOptions>)
          return commands::ShowStatus(config, options);
        if constexpr (std::is_same_v<Options, commands::ReplayOptions>)
          return commands::Replay(config, options);
        if constexpr (std::is_same_v<Options, commands::ImportOptions>)
          return commands::Import(config, options);
        if constexpr (std::is_same_v<Options, commands::DeadLetterOptions>) {
          return commands::DeadLetters(config, options);
        }
        if constexpr (std::is_same_v<Options, commands::SummariesOptions>)
          return commands::Summaries(config, options);
        if constexpr (std::is_same_v<Options, commands::PartitionsOptions>) {
          return commands::Partitions(config, options);
        }
        if constexpr (std::is_same_v<Options, commands::VersionOptions>)
          return commands::ShowVersion(options);
      },
      line.verb);
}

int Main(const std::vector<std::string>& arguments) {
  const auto line = cli::ParseCommandLine(arguments);
  if (!line) {
    (line.error().exit_code == 0 ? std::cout : std::cerr) << line.error().text;
    return line.error().exit_code;
  }
  if (const auto* version = std::get_if<commands::VersionOptions>(&line->verb))
    return commands::ShowVersion(*version);
  const config::LoadedConfig loaded = Load(*line);
  for (const std::string& warning : loaded.warnings) std::cerr << "warning: " << warning << '\n';
  if (!loaded.problems.empty() &&
      !std::holds_alternative<commands::CheckConfigOptions>(line->verb)) {
    text::PrintProblems(loaded.problems, std::cerr);
    return text::ToInt(text::ExitCode::kConfig);
  }
  telemetry::SetUpLogging(loaded.config.log_level, loaded.config.log_format);
  return CallVerb(*line, loaded);
}

}  // namespace
}  // namespace usage_ingest

int main(int argc, char** argv) {
  using usage_ingest::text::ExitCode;
  try {
    return usage_ingest::Main({argv + 1, argv + argc});
  } catch (const usage_ingest::text::UserError& error) {
    usage_ingest::text::PrintProblem(error.problem(), std::cerr);
    return ToInt(error.code());
  } catch (const std::exception& error) {
    std::cerr << "usage-ingestd: internal error: " << error.what() << '\n';
    return ToInt(ExitCode::kInternal);
  }
}
