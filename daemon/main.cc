// usage-ingestd: from the command line to a verb. What the verbs do is in verb_*.cc and run.cc.
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "daemon/command_line.h"
#include "daemon/config_load.h"
#include "daemon/config_parts.h"
#include "daemon/logging.h"
#include "daemon/print_problems.h"
#include "daemon/reloader.h"
#include "daemon/user_error.h"

namespace usage_ingest::daemon {
namespace {

ConfigNeeds NeedsOf(const VerbOptions& verb) {
  const bool reads_kafka = std::holds_alternative<RunOptions>(verb) ||
                           std::holds_alternative<ReplayOptions>(verb) ||
                           std::holds_alternative<CheckConfigOptions>(verb);
  return {.kafka = reads_kafka, .postgres = true};
}

LoadedConfig Load(const CommandLine& line) {
  std::optional<ConfigText> file;
  // A container may have everything in its environment; a file that was named must be there.
  if (!line.config_is_default || std::filesystem::exists(line.config_path)) {
    file = ReadConfigFile(line.config_path);
  }
  LoadedConfig loaded = LoadConfig(file, ProcessEnvironment(), NeedsOf(line.verb));
  CheckParts(loaded);
  return loaded;
}

int Run(const CommandLine& line, const Config& config) {
  Reloader reloader(config, [&line] { return Load(line); });
  return RunDaemon(config, [&reloader] { reloader.Reload(); });
}

int CallVerb(const CommandLine& line, const LoadedConfig& loaded) {
  const Config& config = loaded.config;
  return std::visit(
      [&](const auto& options) {
        using Options = std::remove_cvref_t<decltype(options)>;
        if constexpr (std::is_same_v<Options, RunOptions>) return Run(line, config);
        if constexpr (std::is_same_v<Options, CheckConfigOptions>) {
          return CheckConfig(loaded, options);
        }
        if constexpr (std::is_same_v<Options, MigrateVerbOptions>) {
          return MigrateDatabase(config, options);
        }
        if constexpr (std::is_same_v<Options, StatusOptions>) return ShowStatus(config, options);
        if constexpr (std::is_same_v<Options, ReplayOptions>) return Replay(config, options);
        if constexpr (std::is_same_v<Options, ImportOptions>) return Import(config, options);
        if constexpr (std::is_same_v<Options, DeadLetterOptions>) {
          return DeadLetters(config, options);
        }
        if constexpr (std::is_same_v<Options, SummariesOptions>) return Summaries(config, options);
        if constexpr (std::is_same_v<Options, PartitionsOptions>) {
          return Partitions(config, options);
        }
        if constexpr (std::is_same_v<Options, VersionOptions>) return ShowVersion(options);
      },
      line.verb);
}

int Main(const std::vector<std::string>& arguments) {
  const auto line = ParseCommandLine(arguments);
  if (!line) {
    (line.error().exit_code == 0 ? std::cout : std::cerr) << line.error().text;
    return line.error().exit_code;
  }
  if (const auto* version = std::get_if<VersionOptions>(&line->verb)) return ShowVersion(*version);
  const LoadedConfig loaded = Load(*line);
  for (const std::string& warning : loaded.warnings) std::cerr << "warning: " << warning << '\n';
  if (!loaded.problems.empty() && !std::holds_alternative<CheckConfigOptions>(line->verb)) {
    PrintProblems(loaded.problems, std::cerr);
    return ToInt(ExitCode::kConfig);
  }
  SetUpLogging(loaded.config.log_level, loaded.config.log_format);
  return CallVerb(*line, loaded);
}

}  // namespace
}  // namespace usage_ingest::daemon

int main(int argc, char** argv) {
  using usage_ingest::daemon::ExitCode;
  try {
    return usage_ingest::daemon::Main({argv + 1, argv + argc});
  } catch (const usage_ingest::daemon::UserError& error) {
    usage_ingest::daemon::PrintError(error.message(), std::cerr);
    return ToInt(error.code());
  } catch (const std::exception& error) {
    std::cerr << "usage-ingestd: internal error: " << error.what() << '\n';
    return ToInt(ExitCode::kInternal);
  }
}
