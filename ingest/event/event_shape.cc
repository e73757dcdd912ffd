#include "ingest/event/event_shape.h"

#include <algorithm>
#include <cstring>

namespace usage_ingest::ingest {

using Token = JsonWalker::Token;

// Which values are blanks, but for those of fields.
void EventShape::LearnKinds(const JsonWalker& json) {
  const bool has_history = kinds_.size() == json.end();
  kinds_.resize(json.end());
  uses_.resize(json.end());
  for (Token at = 0; at < json.end(); ++at) {
    const char kind = json.kinds()[at];
    const bool was_other = has_history && (uses_[at] != Use::kFixed || kinds_[at] != kind);
    const bool is_value = !json.IsOperator(at) && !json.IsKey(at);
    const std::string_view value(json.Begin(at), json.Begin(at + 1));
    const bool comes_again = json.IsWord(at) || value == "0" || value == "0.0";
    kinds_[at] = kind;
    uses_[at] = is_value && (was_other || !comes_again) ? Use::kBlank : Use::kFixed;
  }
}

void EventShape::Learn(const JsonWalker& json, const FieldTokens& fields) {
  LearnKinds(json);
  blanks_.clear();
  others_.clear();
  containers_.clear();
  fixed_.clear();
  text_.clear();
  for (const auto& [field, at] : fields) {
    if (json.IsOperator(at)) {
      containers_.emplace_back(field, at);
    } else {
      blanks_.emplace_back(field, at);
      uses_[at] = Use::kBlankOfField;
    }
  }
  Token from = 0;
  for (Token at = 0; at < json.end(); ++at) {
    if (uses_[at] == Use::kFixed) continue;
    if (uses_[at] == Use::kBlank) others_.push_back(at);
    AddFixed(json, from, at);
    from = at + 1;
  }
  AddFixed(json, from, json.end());
  if (text_.size() > kTextBytesMax) *this = {};
}

void EventShape::AddFixed(const JsonWalker& json, Token from, Token to) {
  const std::string_view text(json.Begin(from), json.Begin(to));
  fixed_.push_back({static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(text.size()),
                    static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(to)});
  text_.append(text);
}

bool EventShape::HasText(const JsonWalker& json) const {
  for (const Fixed& fixed : fixed_) {
    const char* const begin = json.Begin(fixed.token);
    // This keeps the comparison within the text, too.
    if (json.Begin(fixed.end_token) != begin + fixed.size) return false;
    if (std::memcmp(begin, text_.data() + fixed.begin, fixed.size) != 0) return false;
  }
  return true;
}

bool EventShape::Read(const JsonWalker& json, EventFields& fields) const {
  if (kinds_.size() != json.end() || !HasText(json)) return false;
  for (const Token at : others_) {
    if (!json.IsScalar(at)) return false;
  }
  for (const auto& [field, at] : containers_) fields[field] = json.Container(at);
  for (const auto& [field, at] : blanks_) {
    if (json.Read(at, fields[field]) != at + 1) return false;  // no value, or a container
  }
  return true;
}

Token EventShapes::Read(const JsonWalker& json, Token at, EventFields& fields) {
  fields.Clear();
  const std::size_t tokens = json.end();
  // An object inside an array is one of many, and its end is not known yet.
  if (at != 0 || tokens > kTokensMax) return fields.ReadObject(json, at, ObjectKind::kTop);
  Slot& slot = slots_[tokens % kSlots];
  if (slot.shape) {
    if (slot.shape->Read(json, fields)) return tokens;
    fields.Clear();
  }
  if (slot.misses++ < slot.misses_max) return fields.ReadObject(json, at, ObjectKind::kTop);
  return Learn(json, fields, slot);
}

Token EventShapes::Learn(const JsonWalker& json, EventFields& fields, Slot& slot) {
  // A shape becomes more general each time. Where that does not help, since several forms share the
  // slot, learning becomes rare.
  slot.misses_max = std::min(2 * slot.misses_max + 1, kMissesMax);
  slot.misses = 0;
  found_.clear();
  const Token end = fields.ReadObject(json, 0, ObjectKind::kTop, &found_);
  if (end != json.end()) return end;
  if (!slot.shape) slot.shape = std::make_unique<EventShape>();
  slot.shape->Learn(json, found_);
  return end;
}

}  // namespace usage_ingest::ingest
