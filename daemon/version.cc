#include "daemon/version.h"

#include <array>

#include "daemon/version_data.h"  // made by version.cmake at every build

namespace usage_ingest::daemon {

const std::string_view kVersion = USAGE_INGEST_VERSION;
const std::string_view kCommit = USAGE_INGEST_COMMIT;

std::span<const LibraryVersion> LibraryVersions() {
  static constexpr auto kLibraries = std::to_array<LibraryVersion>({USAGE_INGEST_LIBRARIES});
  return kLibraries;
}

}  // namespace usage_ingest::daemon
