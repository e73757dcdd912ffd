#pragma once
// EventTemplate: a captured LiteLLM event with holes, cut into pieces once and filled many times.
//
// Formatting a 14 KB event field by field takes longer than the daemon may take to ingest it. Most
// of an event never changes, so rendering is a row of memcpys with some forty short fields between.
//
// Limit         the names of holes are the caller's list; another name throws at construction.
// Source        bench/load/make_templates.py makes the templates of captured events.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace usage_ingest::load {

enum class PayloadSize : std::uint8_t {
  kLean,     // about 2 KB: as kDefault, nulls and empty values left out
  kDefault,  // about 3 KB: without prompts, answers, price card, hidden_params, copies of headers
  kFull,     // about 14 KB: as any LiteLLM callback gets it
};

class EventTemplate {
 public:
  struct Piece {
    std::string_view literal;  // in text_
    std::size_t hole;          // after the literal: index into the names
  };

  EventTemplate(std::string_view captured, PayloadSize size,
                std::span<const std::string_view> hole_names);
  EventTemplate(EventTemplate&&) = delete;  // pieces point into text_

  // Calls append(hole) between the literals.
  template <class AppendHole>
  void Render(std::string& out, AppendHole append) const {
    for (const Piece& piece : pieces_) {
      out.append(piece.literal);
      append(piece.hole);
    }
    out.append(tail_);
  }

 private:
  std::string text_;
  std::vector<Piece> pieces_;
  std::string_view tail_;
};

}  // namespace usage_ingest::load
