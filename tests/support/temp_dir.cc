#include "tests/support/temp_dir.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>

namespace usage_ingest::support {
namespace {

constexpr char kPrefix[] = "usage-ingest-test.";

void RemoveThoseOfDeadProcesses(const std::filesystem::path& root) {
  std::error_code error;  // ignored because another test may be cleaning up as well
  for (const auto& entry : std::filesystem::directory_iterator(root, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const int pid = std::atoi(name.c_str() + sizeof kPrefix - 1);
    if (pid > 0 && kill(pid, 0) != 0 && errno == ESRCH) {
      std::filesystem::remove_all(entry.path(), error);
    }
  }
}

}  // namespace

TempDir::TempDir() {
  const std::filesystem::path root = std::filesystem::temp_directory_path();
  RemoveThoseOfDeadProcesses(root);
  std::string name = (root / (kPrefix + std::to_string(getpid()) + ".XXXXXX")).string();
  if (mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), name);
  }
  // PostgreSQL runs as another user and has to reach its own directory below.
  if (chmod(name.c_str(), 0755) != 0) throw std::system_error(errno, std::generic_category(), name);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code error;  // ignored because the next test removes it again
  std::filesystem::remove_all(path_, error);
}

}  // namespace usage_ingest::support
