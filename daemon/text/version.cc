#include "daemon/text/version.h"

#include <array>

#include "daemon/text/version_data.h"  // made by version.cmake at every build

namespace usage_ingest::text {

const std::string_view kVersion = USAGE_INGEST_VERSION;
const std::string_view kCommit = USAGE_INGEST_COMMIT;
const std::string_view kDate = USAGE_INGEST_DATE;

std::span<const LibraryVersion> LibraryVersions() {
  static constexpr auto kLibraries = std::to_array<LibraryVersion>({USAGE_INGEST_LIBRARIES});
  return kLibraries;
}

}  // namespace usage_ingest::text
