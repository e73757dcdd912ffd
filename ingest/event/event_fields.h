#pragma once
// EventFields: the values of one element that the rules of docs/events.md ask for.
//
// One walk over the element fills them, whatever the order of its keys; of a key that comes twice
// the first one counts. Nothing is converted here: most values of most events are never looked at.
//
// Shape         views of the record (or of its metadata text); see JsonWalker.
#include <array>
#include <cstddef>
#include <cstring>

#include "ingest/event/field_keys.h"
#include "ingest/json/json_walker.h"

namespace usage_ingest::event {

class EventFields {
 public:
  void Clear() {
    // In pieces of a fixed size. For one memset the compiler uses `rep stos`, whose start alone
    // takes longer than all of these stores.
    for (std::size_t i = 0; i < kSlots; i += kPiece) {
      std::memset(static_cast<void*>(&values_[i]), 0, kPiece * sizeof(json::JsonValue));
    }
  }
  [[nodiscard]] json::JsonValue& operator[](Field field) {
    return values_[static_cast<std::size_t>(field)];
  }
  [[nodiscard]] const json::JsonValue& operator[](Field field) const {
    return values_[static_cast<std::size_t>(field)];
  }
  // Fills what is not set yet from the object at `at`; a step of JsonWalker.
  [[nodiscard]] json::JsonWalker::Token ReadObject(const json::JsonWalker& json,
                                                   json::JsonWalker::Token at, ObjectKind kind);

 private:
  [[nodiscard]] json::JsonWalker::Token ReadMember(const json::JsonWalker& json,
                                                   json::JsonWalker::Token at, Field field,
                                                   ObjectKind inner);

  static constexpr std::size_t kPiece = 4;
  static constexpr std::size_t kSlots =
      (static_cast<std::size_t>(Field::kNone) + kPiece - 1) / kPiece * kPiece;
  // Zeros are a value that is missing.
  static_assert(json::JsonKind{} == json::JsonKind::kMissing && json::PlainNumber::kNone == 0);

  std::array<json::JsonValue, kSlots> values_{};
};

}  // namespace usage_ingest::event
