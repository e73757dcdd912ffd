#include "tests/support/postgres/migrated_data.h"

#include <fmt/chrono.h>

#include <chrono>
#include <system_error>

#include "tests/support/made_once.h"

namespace usage_ingest::support {
namespace {

namespace fs = std::filesystem;
using std::chrono::system_clock;

constexpr char kPrefix[] = "migrated-";

// Each build of the daemon adds 60 MB; a test that still copies one of another build began today.
void RemoveOlderThanADay(const fs::path& cache) {
  for (const auto& entry : fs::directory_iterator(cache)) {
    if (!entry.path().filename().string().starts_with(kPrefix)) continue;
    std::error_code error;  // another test renames what it has made, or removes the same
    const fs::file_time_type made = entry.last_write_time(error);
    const bool is_old = !error && fs::file_time_type::clock::now() - made > std::chrono::hours(24);
    if (is_old) fs::remove_all(entry.path(), error);
  }
}

}  // namespace

fs::path MigratedData(const std::string& name,
                      const std::function<void(PostgresCluster&)>& migrate) {
  const fs::path daemon = USAGE_INGEST_DAEMON;
  const std::string build = fmt::format("{}-{}", fs::file_size(daemon),
                                        fs::last_write_time(daemon).time_since_epoch().count());
  return MadeOnce(
      fmt::format("{}{}-{:%F}-{}-{}", kPrefix, name, system_clock::now(), ServerVersion(), build),
      [&](const fs::path& made) {
        RemoveOlderThanADay(made.parent_path());
        PostgresCluster cluster({.fsync = false});
        migrate(cluster);
        cluster.Stop(PostgresCluster::StopMode::kFast);
        fs::copy(cluster.directory(), made, fs::copy_options::recursive);
      });
}

}  // namespace usage_ingest::support
