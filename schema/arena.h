#pragma once
// Arena: memory for the texts of one batch, released together.
//
// Decoding makes ten short strings an event; allocating each costs more than decoding it. The arena
// hands out bytes from blocks that it keeps across Reset(), so the steady state allocates nothing.
//
// Owner         the batch that it belongs to; one thread at a time.
// Limit         unbounded by itself: the batch's bytes_max bounds what is decoded into it. A text
//               larger than a block gets a block of its own, released by Reset().
#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace usage_ingest {

class Arena {
 public:
  static constexpr std::size_t kBlockBytes = 256 * 1024;

  // Uninitialised bytes without alignment; valid until Reset().
  [[nodiscard]] char* Allocate(std::size_t bytes);
  // Releases the end of the last Allocate(): `used` of its `allocated` bytes are kept.
  void Shrink(const char* allocation, std::size_t allocated, std::size_t used) noexcept;
  [[nodiscard]] std::string_view Copy(std::string_view text);
  void Reset() noexcept;
  [[nodiscard]] std::size_t bytes_reserved() const noexcept;
  [[nodiscard]] std::size_t bytes_used() const noexcept;  // since Reset(), with the rest of a block

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  std::vector<Block> blocks_;    // all of kBlockBytes
  std::vector<Block> oversize_;  // larger ones, one text each
  std::size_t next_block_ = 0;
  char* cursor_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace usage_ingest
