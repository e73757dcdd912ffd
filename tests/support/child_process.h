#pragma once
// ChildProcess: a program that runs beside the test and never outlives it.
//
// Owner         the test; the destructor kills it and reaps it.
// Errors        throws std::system_error when it cannot be started. A program that does not exist
//               ends with 127 and says so in its output.
// Limit         start it from a thread that lives as long as the test (see launcher.cc).
#include <signal.h>
#include <sys/types.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/wait.h"

namespace usage_ingest::support {

struct ChildOptions {
  std::vector<std::string> command = {};
  std::map<std::string, std::string> environment = {};  // beside the test's own
  std::filesystem::path working_directory = {};         // empty: the test's own
  std::filesystem::path output = {};                    // stdout, appended; empty: /dev/null
  std::filesystem::path errors = {};                    // stderr, appended; empty: same as output
  std::string user = {};                                // empty: the test's own
  int death_signal = SIGKILL;                           // sent when the test dies
};

class ChildProcess {
 public:
  explicit ChildProcess(const ChildOptions& options);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void Signal(int signal) const;
  // How it ended: its exit code, or 128 + signal as in a shell. Empty while it runs.
  [[nodiscard]] std::optional<int> TryWait();
  [[nodiscard]] std::optional<int> WaitExit(Deadline deadline);
  [[nodiscard]] bool running() { return !TryWait().has_value(); }
  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  pid_t pid_ = -1;
  std::optional<int> exit_code_;
};

struct CommandResult {
  int exit_code = 0;
  std::string output;
  std::string errors;
};

// Runs to the end; throws when that takes longer than `deadline`. Overwrites output and errors.
[[nodiscard]] CommandResult RunCommand(ChildOptions options, Deadline deadline);

// The whole file, "" when there is none.
[[nodiscard]] std::string ReadFile(const std::filesystem::path& path);

}  // namespace usage_ingest::support
