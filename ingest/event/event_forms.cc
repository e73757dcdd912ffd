#include "ingest/event/event_forms.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "ingest/event/json_text.h"
#include "ingest/event/json_value.h"
#include "schema/check.h"

namespace usage_ingest::ingest {

using Token = JsonWalker::Token;

namespace {

// Whether the text from `at` to `end` begins with `text`, at which kShortBytes can be read.
constexpr std::size_t kShortBytes = 32;
inline bool BeginsWith(const char* at, const char* end, const char* text, std::size_t size) {
  const auto left = static_cast<std::size_t>(end - at);
#if defined(__SSE2__)
  // Most are short, which takes memcmp three times as long.
  if (size <= kShortBytes && left >= kShortBytes) {
    const auto same_at = [&](std::size_t i) {
      const auto load = [i](const char* from) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i));
      };
      return static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(load(at), load(text))));
    };
    const std::uint32_t same = same_at(0) | same_at(16) << 16;
    return ~same << (kShortBytes - size) == 0;
  }
#endif
  return left >= size && std::memcmp(at, text, size) == 0;
}

bool IsContainer(char c) { return c == '{' || c == '['; }
bool IsContainerBlank(const JsonWalker& json, const ObjectPiece& piece) {
  return !piece.is_last() && IsContainer(*json.Begin(piece.blank));
}

}  // namespace

EventForms::EventForms() { Forget(); }

bool EventForms::Read(std::string_view text, EventFields& fields) {
  credit_ = std::min(credit_ + 1, kFirstLessons * kEventsPerLesson);
  text = TrimJsonBlanks(text);
  fields.Clear();
  const char* const end = text.data() + text.size();
  return !text.empty() && ReadObject(text.data(), 0, kDepthMax, {end, fields}) == end;
}

const char* EventForms::ReadObject(const char* at, Index tree, std::size_t depth,
                                   const Target& to) const {
  // Objects around the one at hand: no recursion, which takes longer than most of them.
  struct Outer {
    JsonValue* value;
    Index next;
  };
  std::array<Outer, kDepthMax> outer;
  std::size_t open = 0;
  const Segment* const segments = segments_.data();
  const char* const texts = text_.data();
  const char* const end = to.end;
  Index index = RootOf(tree);
  while (index != kNone) {
    const Segment& segment = segments[index];
    if (!BeginsWith(at, end, texts + segment.begin, segment.size)) {
      index = segment.next;
      continue;
    }
    at += segment.size;
    if (segment.is_last) {
      if (open == 0) return at;
      const Outer& around = outer[--open];
      around.value->size = static_cast<std::uint32_t>(at - around.value->begin);
      index = around.next;
      continue;
    }
    if (at == end) return nullptr;
    JsonValue& value = to.fields[segment.field];
    if (*at == '{') {
      if (open == depth) return nullptr;
      value.begin = at;
      value.kind = JsonKind::kObject;
      outer[open++] = {&value, segment.child};
      index = RootOf(segment.tree);
      continue;
    }
    at = *at == '[' ? ReadArray(at, segment.tree, depth - open, to, value)
                    : ReadScalar(at, end, value);
    if (at == nullptr) return nullptr;
    index = segment.child;
  }
  return nullptr;
}

const char* EventForms::ReadArray(const char* at, Index tree, std::size_t depth, const Target& to,
                                  JsonValue& value) const {
  if (depth == 0) return nullptr;
  const Index elements = tree == kNone ? kNone : trees_[tree].elements;
  const char* const behind = ReadElements(at, to.end, [&](const char* element) {
    JsonValue unread;
    if (*element == '{') return ReadObject(element, elements, depth - 1, to);
    if (*element == '[') return ReadArray(element, tree, depth - 1, to, unread);
    return ReadScalar(element, to.end, unread);
  });
  if (behind == nullptr) return nullptr;
  value.begin = at;
  value.size = static_cast<std::uint32_t>(behind - at);
  value.kind = JsonKind::kArray;
  return behind;
}

Token EventForms::Walk(const JsonWalker& json, Token at, EventFields& fields) {
  fields.Clear();
  // An object inside an array is one of many, and its end is not known yet.
  const bool may_learn = at == 0 && json.end() <= kTokensMax && credit_ >= kEventsPerLesson;
  if (!may_learn) return fields.ReadObject(json, at, ObjectKind::kTop);
  found_.clear();
  const Token end = fields.ReadObject(json, 0, ObjectKind::kTop, &found_);
  if (end == json.end()) {
    credit_ -= kEventsPerLesson;
    Learn(json, found_);
  }
  return end;
}

void EventForms::Learn(const JsonWalker& json, const FieldTokens& found) {
  if (is_full_) Forget();
  segments_.reserve(kSegmentsMax);  // Add() holds links
  LearnObject({json, found}, 0, 0, kDepthMax);
}

void EventForms::LearnObject(const Lesson& lesson, Token at, Index tree, std::size_t depth) {
  if (tree == kNone || depth == 0) return;
  std::vector<ObjectPiece> pieces;
  for (int round = 0; round < kRoundsMax; ++round) {
    pieces = CutObject(lesson.json, at, lesson.found, varying_);
    if (Add(lesson.json, pieces, tree)) break;
  }
  for (const ObjectPiece& piece : pieces) {
    if (!IsContainerBlank(lesson.json, piece)) continue;
    const Index inner = TreeOf(lesson.json, piece, tree);
    if (lesson.json.IsObject(piece.blank)) {
      LearnObject(lesson, piece.blank, inner, depth - 1);
    } else {
      LearnArray(lesson, piece.blank, inner, depth - 1);
    }
  }
}

void EventForms::LearnArray(const Lesson& lesson, Token at, Index tree, std::size_t depth) {
  if (tree == kNone || depth == 0) return;
  const JsonWalker& json = lesson.json;
  const Token end = json.ReadArray(at, [&](Token element) {
    if (json.IsObject(element)) LearnObject(lesson, element, ElementsOf(tree), depth - 1);
    if (json.IsArray(element)) LearnArray(lesson, element, tree, depth - 1);
    return json.Skip(element);
  });
  USAGE_INGEST_CHECK(end != JsonWalker::kBroken);  // it was walked before
}

// False when a key was found to vary, so that the object has to be cut otherwise.
bool EventForms::Add(const JsonWalker& json, const std::vector<ObjectPiece>& pieces, Index tree) {
  Index* link = &trees_[tree].root;
  for (const ObjectPiece& piece : pieces) {
    Index* const first = link;
    int siblings = 0;
    for (; *link != kNone; link = &segments_[*link].next, ++siblings) {
      const Comparison found = Compare(piece, TextOf(segments_[*link]));
      if (found.result == Comparison::Result::kSame) break;
      if (found.result == Comparison::Result::kOther) continue;
      // What follows a constant may not fit what follows a blank.
      if (found.is_constant_in_segment) *link = segments_[*link].next;
      AddVarying(KeyOf(json, found.token));
      return false;
    }
    if (*link == kNone) {
      const Index added = AddSegment(piece);
      if (added == kNone) return true;
      if (siblings == kSiblingsMax) *first = segments_[*first].next;
      *link = added;
    }
    Segment& segment = segments_[*link];
    link = &segment.child;
    if (segment.tree == kNone && IsContainerBlank(json, piece)) {
      segment.tree = TreeOf(json, piece, tree);
    }
  }
  return true;
}

EventForms::Comparison EventForms::Compare(const ObjectPiece& piece, std::string_view segment) {
  using enum Comparison::Result;
  const auto common =
      static_cast<std::size_t>(std::ranges::mismatch(piece.text, segment).in1 - piece.text.begin());
  for (const auto& [token, offset, size] : piece.constants) {
    if (offset > common) return {.result = kOther};
    const std::size_t end = offset + size;
    const bool is_same = common > end || (common == end && EndsScalar(segment[end]));
    if (!is_same) return {kVaries, token, offset < segment.size()};
  }
  if (common != piece.text.size()) return {.result = kOther};
  if (common == segment.size()) return {.result = kSame};
  return {kVaries, piece.blank, true};
}

void EventForms::AddVarying(std::string_view key) {
  if (varying_.contains(key)) return;
  is_full_ = is_full_ || varying_.size() == kVaryingMax;
  if (!is_full_) varying_.emplace(key);
}

EventForms::Index EventForms::AddTree(Tree tree) {
  is_full_ = is_full_ || trees_.size() == kTreesMax;
  if (is_full_) return kNone;
  trees_.push_back(std::move(tree));
  return static_cast<Index>(trees_.size() - 1);
}

EventForms::Index EventForms::TreeOf(const JsonWalker& json, const ObjectPiece& piece,
                                     Index parent) {
  const std::string_view key = KeyOf(json, piece.blank);
  const bool is_field = piece.field != Field::kNone;
  const auto found = std::ranges::find_if(trees_, [&](const Tree& tree) {
    return tree.parent == parent && tree.is_field == is_field && tree.key == key;
  });
  if (found != trees_.end()) return static_cast<Index>(found - trees_.begin());
  return AddTree({.parent = parent, .key = std::string(key), .is_field = is_field});
}

EventForms::Index EventForms::ElementsOf(Index tree) {
  if (trees_[tree].elements == kNone) {
    const Index elements = AddTree({});
    trees_[tree].elements = elements;
  }
  return trees_[tree].elements;
}

EventForms::Index EventForms::AddSegment(const ObjectPiece& piece) {
  if (piece.text.size() > kSegmentBytesMax) return kNone;
  const std::size_t begin = text_.size() - kPadding;
  is_full_ =
      is_full_ || segments_.size() == kSegmentsMax || begin + piece.text.size() > kTextBytesMax;
  if (is_full_) return kNone;
  static_assert(kPadding >= kShortBytes);
  text_.insert(begin, piece.text);
  segments_.push_back({.begin = static_cast<std::uint32_t>(begin),
                       .size = static_cast<std::uint32_t>(piece.text.size()),
                       .field = piece.field,
                       .is_last = piece.is_last()});
  return static_cast<Index>(segments_.size() - 1);
}

void EventForms::Forget() {
  trees_.assign(1, {});
  segments_.clear();
  text_.assign(kPadding, '\0');
  varying_.clear();
  is_full_ = false;
}

}  // namespace usage_ingest::ingest
