#pragma once
// ObjectPiece: an object cut at the values that others of its form have otherwise.
//
// Owner         the EventForms that learns the event.
// Shape         views of the event.
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/event/event_fields.h"
#include "ingest/event/json_walker.h"

namespace usage_ingest::ingest {

using KeySet = std::set<std::string, std::less<>>;

// The text from behind one blank to the next, or to the end.
struct ObjectPiece {
  // A value that is likely to come again, and no blank.
  struct Constant {
    JsonWalker::Token token = 0;
    std::uint32_t offset = 0;
    std::uint32_t size = 0;
  };
  std::string_view text;
  std::vector<Constant> constants;
  JsonWalker::Token blank = JsonWalker::kBroken;  // the value that follows; kBroken at the end
  Field field = Field::kNone;                     // what that value is
  [[nodiscard]] bool is_last() const noexcept { return blank == JsonWalker::kBroken; }
};

// Of the object at `at` in a text that is JSON and whose fields a walk found at `found`. Constant
// are short values but for numbers other than zero, unless they are fields or have one of the keys
// in `varying`.
[[nodiscard]] std::vector<ObjectPiece> CutObject(const JsonWalker& json, JsonWalker::Token at,
                                                 const FieldTokens& found, const KeySet& varying);
// The key, raw, of the member whose value is at `value`.
[[nodiscard]] std::string_view KeyOf(const JsonWalker& json, JsonWalker::Token value);

}  // namespace usage_ingest::ingest
