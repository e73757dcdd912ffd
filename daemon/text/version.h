#pragma once
// Version: what was built, from which commit, with which libraries.
#include <span>
#include <string_view>

namespace usage_ingest::text {

struct LibraryVersion {
  std::string_view name;
  std::string_view version;
};

extern const std::string_view kVersion;
extern const std::string_view kCommit;  // "unknown" when it was not built from a checkout
extern const std::string_view kDate;    // of the commit, else of the build: "2026-11-28"
[[nodiscard]] std::span<const LibraryVersion> LibraryVersions();

}  // namespace usage_ingest::text
