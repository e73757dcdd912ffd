#include "schema/arena.h"

#include <cstring>
#include <functional>

namespace usage_ingest {

char* Arena::Allocate(std::size_t bytes) {
  if (bytes > kBlockBytes) {
    oversize_.push_back({std::make_unique_for_overwrite<char[]>(bytes), bytes});
    return oversize_.back().bytes.get();
  }
  if (bytes > left_) {
    if (next_block_ == blocks_.size()) {
      blocks_.push_back({std::make_unique_for_overwrite<char[]>(kBlockBytes), kBlockBytes});
    }
    cursor_ = blocks_[next_block_++].bytes.get();
    left_ = kBlockBytes;
  }
  char* result = cursor_;
  cursor_ += bytes;
  left_ -= bytes;
  return result;
}

void Arena::Shrink(const char* allocation, std::size_t allocated, std::size_t used) noexcept {
  if (allocation + allocated != cursor_) return;  // oversize, or not the last one
  cursor_ -= allocated - used;
  left_ += allocated - used;
}

std::string_view Arena::Copy(std::string_view text) {
  if (text.empty()) return {};
  char* bytes = Allocate(text.size());
  std::memcpy(bytes, text.data(), text.size());
  return {bytes, text.size()};
}

std::string_view Arena::Share(std::string_view last) {
  if (last.empty()) return {};
  if (shared_.empty()) shared_.resize(kSharedSlots);
  SharedText& shared = shared_[std::hash<std::string_view>{}(last) % kSharedSlots];
  const std::string_view before(shared.bytes, shared.size);
  if (shared.generation == generation_ && before == last) {
    Shrink(last.data(), last.size(), 0);
    return before;
  }
  shared = {last.data(), static_cast<std::uint32_t>(last.size()), generation_};
  return last;
}

void Arena::Reset() noexcept {
  if (++generation_ == 0) {  // it begins again: no text is of an older one
    shared_.clear();
    generation_ = 1;
  }
  oversize_.clear();
  next_block_ = 0;
  cursor_ = nullptr;
  left_ = 0;
}

std::size_t Arena::bytes_reserved() const noexcept {
  std::size_t bytes = blocks_.size() * kBlockBytes;
  for (const Block& block : oversize_) bytes += block.size;
  return bytes + shared_.size() * sizeof(SharedText);
}

std::size_t Arena::bytes_used() const noexcept {
  std::size_t bytes = next_block_ * kBlockBytes;
  for (const Block& block : oversize_) bytes += block.size;
  return bytes;
}

}  // namespace usage_ingest
