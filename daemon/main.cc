// usage-ingestd: from the command line to a command, and from its result to the exit code.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

#include "daemon/assembly/component_checks.h"
#include "daemon/cli/command_line.h"
#include "daemon/commands/command_list.h"
#include "daemon/config/config_load.h"
#include "daemon/config/packaged_files.h"
#include "daemon/telemetry/logging.h"
#include "daemon/text/print_problems.h"
#include "daemon/text/user_error.h"
#include "schema/limits.h"

namespace usage_ingest {
namespace {

// A container may have everything in its environment; a file that was named must be there. A folder
// that may not be read is no reason to continue without its file.
std::optional<config::ConfigText> ReadConfig(const std::string& path) {
  std::error_code error;
  if (path.empty() && !std::filesystem::exists(config::kDefaultConfigPath, error) && !error) {
    return std::nullopt;
  }
  return config::ReadConfigFile(path.empty() ? config::kDefaultConfigPath : path);
}

config::LoadedConfig Load(const std::string& path, const commands::CommandNeeds& needs) {
  if (!needs.config()) return {};
  const std::optional<config::ConfigText> file = ReadConfig(path);
  config::LoadedConfig loaded =
      config::LoadConfig(file, config::ProcessEnvironment(),
                         {.kafka = needs.kafka != commands::Need::kNothing,
                          .postgres = needs.postgres != commands::Need::kNothing});
  assembly::CheckParts(loaded, needs.kafka != commands::Need::kNothing);
  return loaded;
}

// libpq's own default is to wait without end. Lowest in order: a conninfo, a service file or the
// variable itself may say another one (34.15).
void LimitConnectTime() {
  const auto seconds = std::to_string(limits::kConnectTimeout / std::chrono::seconds(1));
  setenv("PGCONNECT_TIMEOUT", seconds.c_str(), /*overwrite=*/0);
}

int Main(const std::vector<std::string>& arguments) {
  LimitConnectTime();
  const commands::CommandList all = commands::AllCommands();
  const auto line = cli::ParseCommandLine(all, arguments);
  if (!line) {
    (line.error().exit_code == 0 ? std::cout : std::cerr) << line.error().text;
    return line.error().exit_code;
  }
  const commands::CommandNeeds& needs = line->command->needs();
  // The credentials of the package belong to its configuration, not to one of another installation.
  const bool is_packaged =
      line->config_path.empty() || line->config_path == config::kDefaultConfigPath;
  if (needs.config() && is_packaged) config::UsePackagedFiles(config::kPackagedFolder);
  const auto load = [&] { return Load(line->config_path, needs); };
  const config::LoadedConfig loaded = load();
  for (const std::string& warning : loaded.warnings) std::cerr << "warning: " << warning << '\n';
  if (!loaded.problems.empty() && !needs.reports_problems) {
    text::PrintProblems(loaded.problems, std::cerr);
    return text::ToInt(text::ExitCode::kConfig);
  }
  telemetry::SetUpLogging(loaded.config.log_level, loaded.config.log_format);
  return line->command->Run({loaded, load, all});
}

// A result that is cut must not look complete to a script, whatever the command returned.
int CheckOutput(int exit_code) {
  errno = 0;
  std::cout.flush();
  if (std::cout) return exit_code;
  const char* reason = errno == 0 ? "write error" : std::strerror(errno);
  text::PrintProblem({.what = std::string("cannot write to standard output: ") + reason,
                      .fix = "the output is incomplete: run the command again"},
                     std::cerr);
  return text::ToInt(text::ExitCode::kOutput);
}

}  // namespace
}  // namespace usage_ingest

int main(int argc, char** argv) {
  using usage_ingest::text::ExitCode;
  try {
    return usage_ingest::CheckOutput(usage_ingest::Main({argv + 1, argv + argc}));
  } catch (const usage_ingest::text::UserError& error) {
    usage_ingest::text::PrintProblem(error.problem(), std::cerr);
    return ToInt(error.code());
  } catch (const std::exception& error) {
    std::cerr << "usage-ingestd: internal error: " << error.what() << '\n';
    return ToInt(ExitCode::kInternal);
  }
}
