#include "ingest/event/json_walker.h"

#include <vector>

namespace usage_ingest::ingest {

// Most members of most objects are a text, null or a number. Walks over members from `at` on, as
// long as they are and a comma follows; gives the first that is not.
JsonWalker::Token JsonWalker::SkipPlainMembers(Token at) const {
  constexpr auto kAnyMember = std::bit_cast<std::uint32_t>(std::array{'"', ':', '\0', ','});
  constexpr auto kMask = std::bit_cast<std::uint32_t>(std::array{'\xFF', '\xFF', '\0', '\xFF'});
  for (;; at += 4) {
    const auto kinds = KindsAt<std::uint32_t>(at);
    if (kinds == kTextMember) continue;
    if ((kinds & kMask) != kAnyMember) return at;
    if (IsNull(at + 2)) continue;
    const auto dot = PlainNumber::FindDot(Begin(at + 2), Begin(at + 3), text_end_);
    if (dot == PlainNumber::kNone) return at;
  }
}

JsonWalker::Token JsonWalker::SkipContainer(Token at) const {
  constexpr std::size_t kBits = 64;
  std::uint64_t objects = 0;  // of the innermost 64 open brackets, a bit each: 1 is an object
  std::vector<std::uint64_t> outer;
  std::size_t depth = 0;
  bool is_object = false;  // the innermost one
  for (;;) {
    if (is_object) {
      at = SkipPlainMembers(at);
      if (!IsKey(at)) return kBroken;
      at += 2;
    }
    const char kind = kinds_[at];
    if (kind == '{' || kind == '[') {
      is_object = kind == '{';
      if (depth % kBits == 0 && depth != 0) outer.push_back(objects);
      objects = objects << 1 | static_cast<std::uint64_t>(is_object);
      ++depth;
      ++at;
      if (kinds_[at] != (is_object ? '}' : ']')) continue;
    } else {
      if (!IsScalar(at)) return kBroken;
      ++at;
    }
    // Behind a value, or at the bracket that closes an empty container.
    for (;;) {
      const char next = kinds_[at++];
      if (next == ',') break;
      if (next != (is_object ? '}' : ']')) return kBroken;
      objects >>= 1;
      --depth;
      if (depth == 0) return at;
      if (depth % kBits == 0) {
        objects = outer.back();
        outer.pop_back();
      }
      is_object = (objects & 1) != 0;
    }
  }
}

}  // namespace usage_ingest::ingest
