#include "tests/support/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

std::vector<std::string> Environment(const std::map<std::string, std::string>& changes) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!changes.contains(text.substr(0, text.find('=')))) result.push_back(text);
  }
  for (const auto& [name, value] : changes) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

class FileActions {
 public:
  FileActions() { posix_spawn_file_actions_init(&actions_); }
  ~FileActions() { posix_spawn_file_actions_destroy(&actions_); }
  FileActions(const FileActions&) = delete;
  FileActions& operator=(const FileActions&) = delete;

  void Open(int fd, const std::filesystem::path& path, int flags) {
    const char* name = path.empty() ? "/dev/null" : path.c_str();
    posix_spawn_file_actions_addopen(&actions_, fd, name, flags, 0644);
  }
  void Same(int from, int to) { posix_spawn_file_actions_adddup2(&actions_, from, to); }
  void ChangeDirectory(const std::filesystem::path& path) {
    posix_spawn_file_actions_addchdir_np(&actions_, path.c_str());
  }
  [[nodiscard]] const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_;
};

}  // namespace

ChildProcess::ChildProcess(const ChildOptions& options) {
  std::vector<std::string> command = {USAGE_INGEST_TEST_LAUNCHER, std::to_string(getpid()),
                                      std::to_string(options.death_signal),
                                      options.user.empty() ? "-" : options.user};
  command.insert(command.end(), options.command.begin(), options.command.end());
  std::vector<std::string> environment = Environment(options.environment);

  constexpr int kAppend = O_WRONLY | O_CREAT | O_APPEND;
  FileActions actions;
  actions.Open(STDIN_FILENO, {}, O_RDONLY);
  actions.Open(STDOUT_FILENO, options.output, kAppend);
  if (options.errors.empty()) {
    actions.Same(STDOUT_FILENO, STDERR_FILENO);
  } else {
    actions.Open(STDERR_FILENO, options.errors, kAppend);
  }
  if (!options.working_directory.empty()) actions.ChangeDirectory(options.working_directory);
  const int error = posix_spawn(&pid_, command[0].c_str(), actions.get(), nullptr,
                                Pointers(command).data(), Pointers(environment).data());
  if (error != 0) throw std::system_error(error, std::generic_category(), command[0]);
}

ChildProcess::~ChildProcess() {
  if (!running()) return;
  ::kill(pid_, SIGKILL);
  ::kill(pid_, SIGCONT);  // a stopped process dies of SIGKILL as well; this is for its children
  ::waitpid(pid_, nullptr, 0);
}

void ChildProcess::Signal(int signal) const {
  // After the process was reaped its number may belong to another process.
  if (exit_code_.has_value()) throw std::logic_error("signal to a process that has ended");
  if (::kill(pid_, signal) != 0) throw std::system_error(errno, std::generic_category(), "kill");
}

std::optional<int> ChildProcess::TryWait() {
  int status = 0;
  if (!exit_code_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return exit_code_;
}

std::optional<int> ChildProcess::WaitExit(Deadline deadline) {
  // ignored because the exit code itself is the answer
  static_cast<void>(WaitUntil(deadline, [this] { return TryWait().has_value(); }));
  return exit_code_;
}

CommandResult RunCommand(ChildOptions options, Deadline deadline) {
  const TempDir files;
  options.output = files.path() / "output";
  options.errors = files.path() / "errors";
  ChildProcess process(options);
  const std::optional<int> exit_code = process.WaitExit(deadline);
  CommandResult result{exit_code.value_or(-1), ReadFile(options.output), ReadFile(options.errors)};
  if (exit_code) return result;
  std::string command;
  for (const std::string& word : options.command) command += word + " ";
  throw std::runtime_error(command + "did not end in time\n" + result.output + result.errors);
}

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return std::move(text).str();
}

}  // namespace usage_ingest::support
