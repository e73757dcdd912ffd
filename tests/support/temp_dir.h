#pragma once
// TempDir: a directory that is gone when the test is.
//
// Its name holds the process id, so the next test removes what a killed one left behind.
#include <filesystem>

namespace usage_ingest::support {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace usage_ingest::support
