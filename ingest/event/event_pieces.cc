#include "ingest/event/event_pieces.h"

#include <algorithm>
#include <optional>

namespace usage_ingest::ingest {

using Token = JsonWalker::Token;

namespace {

constexpr std::size_t kKeyBytesMax = 64;
constexpr std::size_t kConstantBytesMax = 64;

Field FieldAt(const FieldTokens& found, Token at) {
  const auto place = std::ranges::lower_bound(found, at, {}, &FieldTokens::value_type::second);
  return place != found.end() && place->second == at ? place->first : Field::kNone;
}

// Numbers seldom come again, but for zero.
bool IsLikelyToComeAgain(std::string_view value) {
  const bool is_number = value.front() == '-' || (value.front() >= '0' && value.front() <= '9');
  return value.size() <= kConstantBytesMax && (!is_number || value == "0" || value == "0.0");
}

}  // namespace

std::vector<ObjectPiece> CutObject(const JsonWalker& json, Token at, const FieldTokens& found,
                                   const KeySet& varying) {
  std::vector<ObjectPiece> pieces(1);
  const char* from = json.Begin(at);
  const auto every = [](std::string_view key) { return std::optional(key); };
  const Token end = json.ReadObject(at, every, [&](std::string_view key, Token value) {
    const Token next = json.Skip(value);
    const std::string_view text = json.TextBetween(value, next);
    const Field field = FieldAt(found, value);
    ObjectPiece& piece = pieces.back();
    if (field == Field::kNone && key.size() <= kKeyBytesMax && !varying.contains(key) &&
        IsLikelyToComeAgain(text)) {
      piece.constants.push_back({value, static_cast<std::uint32_t>(text.data() - from),
                                 static_cast<std::uint32_t>(text.size())});
      return next;
    }
    piece.text = {from, text.data()};
    piece.blank = value;
    piece.field = field;
    from = text.data() + text.size();
    pieces.emplace_back();
    return next;
  });
  pieces.back().text = {from, json.Begin(end - 1) + 1};
  return pieces;
}

std::string_view KeyOf(const JsonWalker& json, Token value) {
  return {json.Begin(value - 2) + 1, ClosingQuote(json.Begin(value - 1))};
}

}  // namespace usage_ingest::ingest
