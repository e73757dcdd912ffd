#include "tests/support/made_once.h"

#include <unistd.h>

#include <atomic>
#include <system_error>

namespace usage_ingest::support {

namespace fs = std::filesystem;

fs::path MadeOnce(const std::string& name, const std::function<void(const fs::path&)>& make) {
  static std::atomic<int> calls = 0;
  const fs::path ready = fs::path(USAGE_INGEST_TEST_CACHE) / name;
  if (fs::exists(ready)) return ready;
  fs::create_directories(ready.parent_path());
  const fs::path mine =
      ready.string() + "." + std::to_string(getpid()) + "." + std::to_string(++calls);
  std::error_code kept;
  try {
    make(mine);
    fs::rename(mine, ready);
  } catch (...) {
    fs::remove_all(mine, kept);
    // A directory cannot replace another one: the other test was faster.
    if (!fs::exists(ready)) throw;
  }
  return ready;
}

}  // namespace usage_ingest::support
