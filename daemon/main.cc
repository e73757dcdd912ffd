// usage-ingestd: from the command line to a command, and from its result to the exit code.
#include <syslog.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include "daemon/assembly/component_checks.h"
#include "daemon/cli/command_line.h"
#include "daemon/commands/command_list.h"
#include "daemon/config/config_load.h"
#include "daemon/config/packaged_files.h"
#include "daemon/replay/stop_on_signal.h"
#include "daemon/telemetry/logging.h"
#include "daemon/text/print_problems.h"
#include "daemon/text/user_error.h"
#include "ingest/postgres/blocking/interruption.h"
#include "schema/limits.h"

namespace usage_ingest {
namespace {

void PrintProblems(const Problems& problems) {
  std::ostringstream out;
  text::PrintProblems(problems, out);
  std::cerr << telemetry::JournalLines(out.str(), LOG_ERR);
}

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
  const commands::CommandList all = commands::AllCommands();
  const auto line = cli::ParseCommandLine(all, arguments);
  if (!line) {
    (line.error().exit_code == 0 ? std::cout : std::cerr) << line.error().text;
    return line.error().exit_code;
  }
  const commands::CommandNeeds needs = line->command->needs();
  // The credentials of the package belong to its configuration, not to one of another installation.
  const bool is_packaged =
      line->config_path.empty() || line->config_path == config::kDefaultConfigPath;
  if ((needs.config() || needs.server()) && is_packaged)
    config::UsePackagedFiles(config::kPackagedFolder);
  LimitConnectTime();
  const auto load = [&] { return Load(line->config_path, needs); };
  const config::LoadedConfig loaded = load();
  for (const std::string& warning : loaded.warnings) {
    std::cerr << telemetry::JournalLines("warning: " + warning + '\n', LOG_WARNING);
  }
  if (!loaded.problems.empty() && !needs.reports_problems) {
    PrintProblems(loaded.problems);
    return text::ToInt(text::ExitCode::kConfig);
  }
  telemetry::SetUpLogging(loaded.config.log_level, loaded.config.log_format);
  if (!needs.server()) return line->command->Run({loaded, load, all, {}});
  const replay::StopOnSignal stop;
  postgres::blocking::SetInterruption(stop.token());
  return line->command->Run({loaded, load, all, stop.token()});
}

// A library may still wait on a thread that was left behind: its destructors must not run.
int EndProcess(int exit_code) {
  if (!postgres::blocking::IsInterrupted()) return exit_code;
  std::cout.flush();
  std::cerr.flush();
  std::_Exit(exit_code);
}

// A result that is cut must not look complete to a script, whatever the command returned.
int CheckOutput(int exit_code) {
  errno = 0;
  std::cout.flush();
  if (std::cout) return exit_code;
  const char* reason = errno == 0 ? "write error" : std::strerror(errno);
  PrintProblems({{.what = std::string("cannot write to standard output: ") + reason,
                  .fix = "the output is incomplete: run the command again"}});
  return text::ToInt(text::ExitCode::kOutput);
}

}  // namespace
}  // namespace usage_ingest

int main(int argc, char** argv) {
  using usage_ingest::text::ExitCode;
  try {
    return usage_ingest::EndProcess(
        usage_ingest::CheckOutput(usage_ingest::Main({argv + 1, argv + argc})));
  } catch (const usage_ingest::text::UserError& error) {
    usage_ingest::PrintProblems({error.problem()});
    return usage_ingest::EndProcess(ToInt(error.code()));
  } catch (const std::exception& error) {
    std::cerr << "usage-ingestd: internal error: " << error.what() << '\n';
    return ToInt(ExitCode::kInternal);
  }
}
