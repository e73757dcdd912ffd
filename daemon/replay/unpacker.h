#pragma once
// Unpacker: the bytes of an open file, unpacked if they are gzip or Zstandard.
//
// The format is recognised by content, not by name: an export may be called anything.
//
// Errors        throws std::runtime_error that says what is damaged.
#include <cstdio>
#include <memory>
#include <span>

namespace usage_ingest::replay {

class Unpacker {
 public:
  // REQUIRES: `file` is at its beginning, can be read twice, and outlives this object.
  [[nodiscard]] static std::unique_ptr<Unpacker> Make(std::FILE* file);
  virtual ~Unpacker() = default;
  // The next bytes; 0 at the end.
  [[nodiscard]] virtual std::size_t Read(std::span<char> into) = 0;
};

}  // namespace usage_ingest::replay
