#pragma once
// JsonBuffer: JSON being written, in memory that is reused for the next text.
//
// std::string checks and calls for each piece; a row's metadata has sixty short ones.
//
// Limit         as large as the largest text so far; released above kKeepBytes.
#include <array>
#include <cstddef>
#include <cstring>
#include <string_view>
#include <vector>

#include "ingest/json/json_text.h"

namespace usage_ingest::json {

class JsonBuffer {
 public:
  static constexpr std::size_t kKeepBytes = 64 * 1024;

  // `"name":`, padded so that it can be copied without looking at its length.
  struct Name {
    explicit Name(std::string_view name);
    std::array<char, 32> bytes{};
    std::size_t size = 0;
  };

  void Clear();
  void Append(char c) {
    Reserve(1);
    bytes_[size_++] = c;
  }
  void Append(std::string_view text) {
    Reserve(text.size());
    std::memcpy(bytes_.data() + size_, text.data(), text.size());
    size_ += text.size();
  }
  void Append(const Name& name) {
    Reserve(name.bytes.size());
    std::memcpy(bytes_.data() + size_, name.bytes.data(), name.bytes.size());
    size_ += name.size;
  }
  // With quotes and a comma.
  void AppendQuoted(std::string_view text) {
    Reserve(text.size() + 3);
    char* const at = bytes_.data() + size_;
    at[0] = '"';
    std::memcpy(at + 1, text.data(), text.size());
    at[text.size() + 1] = '"';
    at[text.size() + 2] = ',';
    size_ += text.size() + 3;
  }
  void AppendEscaped(std::string_view text) {
    Reserve(kEscapedBytesMax * text.size());
    size_ = static_cast<std::size_t>(WriteEscaped(text, bytes_.data() + size_) - bytes_.data());
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::string_view view() const noexcept { return {bytes_.data(), size_}; }
  // REQUIRES: size <= size().
  void Truncate(std::size_t size) noexcept { size_ = size; }
  // Closes a container whose members each end with a comma. REQUIRES: not empty.
  void Close(char bracket) {
    if (bytes_[size_ - 1] == ',') --size_;
    Append(bracket);
  }

 private:
  void Reserve(std::size_t bytes) {
    if (bytes_.size() - size_ < bytes) [[unlikely]]
      Grow(bytes);
  }
  void Grow(std::size_t bytes);

  std::vector<char> bytes_;
  std::size_t size_ = 0;
};

}  // namespace usage_ingest::json
