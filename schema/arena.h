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
#include <cstdint>
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
  // For texts that come again and again, such as a user's id. `last` is what the last Allocate()
  // gave. If the same text was shared before, that one is returned, and the bytes of `last` are
  // free again (those of a text larger than a block, at Reset()). Another text may have taken its
  // place: then, and often when there are more than kSharedSlots, `last` is kept, too.
  [[nodiscard]] std::string_view Share(std::string_view last);
  void Reset() noexcept;
  // Frees the blocks that were not needed since Reset().
  void ReleaseUnused() noexcept { blocks_.resize(next_block_); }
  [[nodiscard]] std::size_t bytes_reserved() const noexcept;
  // Since Reset(), with the rest of a block and without kSharedSlots, which are there to stay.
  [[nodiscard]] std::size_t bytes_used() const noexcept;

 private:
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::size_t size;
  };
  // The last shared text with this hash. Another one takes its place, so a search is one look and
  // the table does not grow. It is empty when it is of an older generation.
  struct SharedText {
    const char* bytes = nullptr;
    std::uint32_t size = 0;
    std::uint32_t generation = 0;
  };
  static constexpr std::size_t kSharedSlots = kBlockBytes / sizeof(SharedText);

  std::vector<Block> blocks_;    // all of kBlockBytes
  std::vector<Block> oversize_;  // larger ones, one text each
  std::size_t next_block_ = 0;
  char* cursor_ = nullptr;
  std::size_t left_ = 0;
  std::vector<SharedText> shared_;  // none, or kSharedSlots
  std::uint32_t generation_ = 1;    // counts Reset()
};

}  // namespace usage_ingest
