#pragma once
// TempDir: a directory that is gone when the test is.
//
// It is in memory (/dev/shm) if there are 4 GiB and TMPDIR is not set, else where TMPDIR says. Its
// name holds the process id, so the next test removes what a killed one left behind.
#include <filesystem>

namespace usage_ingest::support {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  // The folder that it is in.
  [[nodiscard]] static std::filesystem::path Root();
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace usage_ingest::support
