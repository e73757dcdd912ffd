#pragma once
// ImportFile: a file of events, which can be read several times; "-" is stdin.
//
// It is read once for its SHA-256, which names its dead letters and identifies an interrupted
// import, once to check it, and once for its events. What cannot be read twice (stdin, a pipe) is
// copied to a temporary file. A file is open only while it is read: there may be thousands.
//
// Errors        throws UserError: 66 no such file, 77 not readable, 65 damaged or changed.
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "daemon/text/user_error.h"

namespace usage_ingest::replay {

class ImportFile {
 public:
  explicit ImportFile(const std::string& path);
  ~ImportFile();
  ImportFile(ImportFile&&) noexcept;

  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const std::string& sha256_hex() const;
  // Of the file as it is, packed or not.
  [[nodiscard]] std::int64_t bytes() const;
  // How many of them were read since Open(). REQUIRES: open.
  [[nodiscard]] std::int64_t bytes_read() const;
  // Reads from the first byte again. Throws if it is not the file that the SHA-256 is of.
  void Open();
  // The next unpacked bytes; 0 at the end. REQUIRES: open.
  [[nodiscard]] std::size_t Read(std::span<char> into);
  void Close();

  [[nodiscard]] text::UserError Damaged(const std::string& what) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::replay
