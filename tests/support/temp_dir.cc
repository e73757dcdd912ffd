#include "tests/support/temp_dir.h"

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>

namespace usage_ingest::support {
namespace {

namespace fs = std::filesystem;

constexpr char kPrefix[] = "usage-ingest-test.";
constexpr char kMemory[] = "/dev/shm";
constexpr std::uintmax_t kMemoryMin = std::uintmax_t{4} << 30;  // four tests at once need 1 GB

void RemoveThoseOfDeadProcesses(const fs::path& root) {
  std::error_code error;  // ignored because another test may be cleaning up as well
  for (const auto& entry : fs::directory_iterator(root, error)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const int pid = std::atoi(name.c_str() + sizeof kPrefix - 1);
    if (pid > 0 && kill(pid, 0) != 0 && errno == ESRCH) {
      fs::remove_all(entry.path(), error);
    }
  }
}

}  // namespace

// A test makes and removes about 1,500 files, and ext4 is slow to give out the inodes of files that
// were just removed (recently_deleted in Linux' fs/ext4/ialloc.c). 16 cases of
// integration_postgres_attribution_test took 50 s there and 15 s in memory.
fs::path TempDir::Root() {
  std::error_code error;
  const fs::space_info memory = fs::space(kMemory, error);
  const bool has_room = !error && memory.available >= kMemoryMin;
  return has_room && std::getenv("TMPDIR") == nullptr ? kMemory : fs::temp_directory_path();
}

TempDir::TempDir() {
  for (const fs::path& root : {fs::path(kMemory), fs::temp_directory_path()}) {
    RemoveThoseOfDeadProcesses(root);
  }
  std::string name = (Root() / (kPrefix + std::to_string(getpid()) + ".XXXXXX")).string();
  if (mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), name);
  }
  // PostgreSQL runs as another user and has to reach its own directory below.
  if (chmod(name.c_str(), 0755) != 0) throw std::system_error(errno, std::generic_category(), name);
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code error;  // ignored because the next test removes it again
  fs::remove_all(path_, error);
}

}  // namespace usage_ingest::support
