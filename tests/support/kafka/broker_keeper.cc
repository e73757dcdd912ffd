// broker_keeper: runs a broker that tests use one after the other, and ends it when none does.
//
//   broker_keeper DIRECTORY PROGRAM [ARGUMENT...]
//
// It returns at once and goes on in the background. The test that uses the broker holds a lock on
// DIRECTORY/lock. If no test has held it for half a minute, the broker is killed and its files are
// removed. DIRECTORY/port says that there is a broker. The lock file stays: two tests must never
// lock two files of the same name.
//
// Source        flock(2): the lock ends with the last descriptor, so with the test.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <system_error>

namespace {

namespace fs = std::filesystem;

constexpr int kIdleSecondsMax = 30;

[[noreturn]] void Run(const fs::path& directory, char** command, pid_t keeper) {
  const int log = open((directory / "log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0) _exit(73);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != keeper) _exit(71);
  execvp(command[0], command);
  std::perror(command[0]);
  _exit(127);
}

// True, and with the lock: no test has used the broker for a while. False: it has ended by itself.
bool IsIdle(int lock, pid_t broker) {
  for (int idle = 0;;) {
    sleep(1);
    if (waitpid(broker, nullptr, WNOHANG) != 0) return false;
    const bool free = flock(lock, LOCK_EX | LOCK_NB) == 0;
    idle = free ? idle + 1 : 0;
    if (idle == kIdleSecondsMax) return true;
    if (free) flock(lock, LOCK_UN);
  }
}

int Keep(const fs::path& directory, char** command) {
  const int lock = open((directory / "lock").c_str(), O_RDWR | O_CLOEXEC);
  if (lock < 0 || setsid() < 0) return 74;
  const pid_t keeper = getpid();
  const pid_t broker = fork();
  if (broker < 0) return 71;
  if (broker == 0) Run(directory, command, keeper);
  if (!IsIdle(lock, broker)) return 0;  // a test may be starting another one there
  kill(broker, SIGKILL);
  waitpid(broker, nullptr, 0);
  for (const char* name : {"port", "data", "server.properties", "log"}) {
    std::error_code error;  // ignored because the next broker of this directory removes it, too
    fs::remove_all(directory / name, error);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) return 64;
  const pid_t background = fork();
  if (background < 0) return 71;
  return background == 0 ? Keep(argv[1], argv + 2) : 0;
}
