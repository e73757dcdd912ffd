#pragma once
// JsonIndex: where every token of a JSON text begins.
//
// simdjson's stage 1 finds the tokens, checks UTF-8 and refuses raw control characters in strings,
// at 3-10 GB/s with the best instructions of the machine it runs on. JsonWalker then walks the
// positions by itself instead of through simdjson::ondemand, for three reasons: on-demand does not
// check what it skips (`{"messages": [1 2]}` would be valid, and a record that is not JSON must be
// a dead letter whatever part of it we read), it cannot read NaN, and it wants the text copied into
// a padded buffer. Checking every token that is skipped costs less than on-demand's own skipping.
//
// Owner         a Decoder; reused from text to text.
// Shape         positions() index into text(), which is the caller's memory; both until next Build.
// Limit         4 bytes for each byte of the text while it is indexed; kept up to kKeepBytes.
// Source        simdjson 3.0.1, simdjson::internal::dom_parser_implementation::stage1. It reads no
//               byte beyond the text (only stage 2 needs padding); JsonIndexTest holds that with a
//               guard page.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "ingest/event/json_text.h"

namespace usage_ingest::ingest {

class JsonIndex {
 public:
  enum class Status : unsigned char { kOk, kBadUtf8, kInvalid };
  // A larger text's index is given back when a smaller text follows.
  static constexpr std::size_t kKeepBytes = 1 << 20;

  JsonIndex();
  ~JsonIndex();
  JsonIndex(JsonIndex&&) noexcept;

  // Escape sequences are checked too; the grammar is left to JsonWalker.
  [[nodiscard]] Status Build(std::string_view text);

  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] std::span<const std::uint32_t> positions() const noexcept { return positions_; }
  // Bytes of text that it has memory for.
  [[nodiscard]] std::size_t capacity() const noexcept;
  [[nodiscard]] const EscapeRange& escapes() const noexcept { return escapes_; }

 private:
  void Reserve(std::size_t bytes);

  struct Impl;
  std::unique_ptr<Impl> impl_;
  std::string_view text_;
  std::span<const std::uint32_t> positions_;
  EscapeRange escapes_;
};

}  // namespace usage_ingest::ingest
