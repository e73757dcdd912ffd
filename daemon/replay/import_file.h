#pragma once
// ImportFile: the bytes of a file of events, unpacked; "-" is stdin, which is spooled first.
//
// A file is read twice: once for its SHA-256, which names its dead letters and identifies an
// interrupted import, once for its events.
//
// Errors        throws UserError: 66 no such file, 77 not readable, 65 damaged.
#include <cstdio>
#include <functional>
#include <memory>
#include <span>
#include <string>

namespace usage_ingest::replay {

class ImportFile {
 public:
  explicit ImportFile(const std::string& path);
  ~ImportFile();
  ImportFile(ImportFile&&) noexcept;

  [[nodiscard]] const std::string& sha256_hex() const;
  [[nodiscard]] std::int64_t bytes() const;  // as it lies on disk
  // The next unpacked bytes; 0 at the end.
  [[nodiscard]] std::size_t Read(std::span<char> into);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::replay
