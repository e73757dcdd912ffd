#pragma once
// JsonIndex: where every token of a JSON text begins, and with which byte.
//
// simdjson's stage 1 finds the tokens, checks UTF-8 and refuses raw control characters in strings.
// JsonWalker then walks over the tokens by itself instead of through simdjson::ondemand, for three
// reasons: on-demand does not check what it skips (`{"messages": [1 2]}` would be valid, and a
// record that is not JSON must be a dead letter whatever part of it we read), it cannot read NaN,
// and it wants the text copied into a padded buffer. Checking every token that is skipped costs
// less than on-demand's own skipping.
//
// Owner         a Decoder; reused from text to text.
// Shape         text() is the caller's memory; what is found is valid until the next Build.
// Limit         5 bytes for each byte of the text; kept up to kKeepBytes of text.
// Source        simdjson 3.0.1, simdjson::internal::dom_parser_implementation::stage1. It does not
//               read a byte beyond the text (only its stage 2 needs padding); JsonWalkerTest holds
//               that with a guard page.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "ingest/json/json_text.h"

namespace usage_ingest::json {

class JsonIndex {
 public:
  enum class Status : unsigned char { kOk, kBadUtf8, kInvalid };
  // A larger text's index is released when a smaller text follows.
  static constexpr std::size_t kKeepBytes = 1 << 20;
  static constexpr std::size_t kPadding = 16;  // see kinds()

  JsonIndex();
  ~JsonIndex();
  JsonIndex(JsonIndex&&) noexcept;

  // Escape sequences are checked too; the grammar is left to JsonWalker.
  [[nodiscard]] Status Build(std::string_view text);

  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  // How many tokens there are, where each begins, and the byte there. Behind the last one are one
  // more offset, the size of the text, and kPadding zeros: one can look at several kinds at once.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const std::uint32_t* offsets() const noexcept { return offsets_; }
  [[nodiscard]] const char* kinds() const noexcept { return kinds_.get(); }
  // Bytes of text that it has memory for.
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] const EscapeRange& escapes() const noexcept { return escapes_; }

 private:
  void SetCapacity(std::size_t bytes);

  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::size_t capacity_ = 0;
  std::uint32_t* offsets_ = nullptr;  // simdjson's
  std::unique_ptr<char[]> kinds_;
  std::string_view text_;
  std::size_t size_ = 0;
  EscapeRange escapes_;
};

}  // namespace usage_ingest::json
