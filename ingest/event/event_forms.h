#pragma once
// EventForms: an event that was made as earlier ones were is recognised instead of walked over.
//
// LiteLLM fills in forms: the keys of an object, their order and much else are the same for all
// events of one kind from one version. A form is the text of an object with blanks where the values
// differ. A text that is the same between the blanks, and has a value at each of them, is JSON as
// the first one was, and its members mean the same fields. So it is compared and its values are
// read, before and instead of looking for tokens. A text of no form is walked over, member by
// member, and its forms are learned.
//
// The forms of the objects that are found under one key share what they begin with: they are a
// tree, whose branches are the texts in between. An object inside an object is a blank and has a
// tree of its own.
//
// Owner         a Decoder.
// Shape         of the values of an event only short ones that no field wants are kept, in memory,
//               until they come with another value.
// Limit         kSegmentsMax segments in kTreesMax trees, which hold kTextBytesMax bytes. Those of
//               all captured events need less than half; when there is no more room, all are
//               forgotten.
// Source        the idea is that of Mison (Li et al., "Mison: A Fast JSON Parser for Data
//               Analytics", VLDB 10, 2017): guess that a text is like the last ones, and check.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/event/event_fields.h"
#include "ingest/event/event_pieces.h"
#include "ingest/event/json_walker.h"

namespace usage_ingest::ingest {

class EventForms {
 public:
  static constexpr std::size_t kSegmentsMax = 4096;
  static constexpr std::size_t kTreesMax = 512;
  static constexpr std::size_t kTextBytesMax = 256 * 1024;
  // What is larger is not learned: an event, the text between two blanks, objects inside objects.
  static constexpr std::size_t kTokensMax = 4096;
  static constexpr std::size_t kSegmentBytesMax = 8 * 1024;
  static constexpr std::size_t kDepthMax = 16;
  // When more forms begin alike, the oldest goes.
  static constexpr int kSiblingsMax = 16;
  // To learn costs as much as to walk over many events: only one in so many is learned, but for the
  // first ones.
  static constexpr int kEventsPerLesson = 64;
  static constexpr int kFirstLessons = 64;

  EventForms();

  // Whether all of the text is an object of known forms. Then `fields` has what it says, else it is
  // in any state.
  [[nodiscard]] bool Read(std::string_view text, EventFields& fields);
  // A step of JsonWalker: reads the event at `at` into `fields`, and may learn its forms.
  [[nodiscard]] JsonWalker::Token Walk(const JsonWalker& json, JsonWalker::Token at,
                                       EventFields& fields);
  // REQUIRES: all of the text is one object, and JSON, and a walk found its fields at `found`.
  void Learn(const JsonWalker& json, const FieldTokens& found);

 private:
  using Index = std::uint32_t;
  static constexpr Index kNone = 0xFFFF'FFFF;
  static constexpr std::size_t kPadding = 32;
  static constexpr std::size_t kVaryingMax = 256;
  static constexpr int kRoundsMax = 8;

  // An ObjectPiece in a tree.
  struct Segment {
    std::uint32_t begin = 0;  // in text_
    std::uint32_t size = 0;
    Index next = kNone;   // what else may stand here
    Index child = kNone;  // what may follow behind the value
    Index tree = kNone;   // of the value, if it is an object
    Field field = Field::kNone;
    bool is_last = false;
  };
  // The forms of the objects that are found in one place.
  struct Tree {
    Index root = kNone;
    Index elements = kNone;  // of the objects in an array that is found there
    Index parent = kNone;
    std::string key;
    bool is_field = false;  // the second member of one key is none
  };
  // How a piece relates to a segment of the same place.
  struct Comparison {
    enum class Result : unsigned char { kSame, kOther, kVaries } result = Result::kOther;
    JsonWalker::Token token = 0;          // which value varies
    bool is_constant_in_segment = false;  // it is no blank there
  };
  // An event to learn.
  struct Lesson {
    const JsonWalker& json;
    const FieldTokens& found;
  };

  [[nodiscard]] std::string_view TextOf(const Segment& segment) const {
    return {text_.data() + segment.begin, segment.size};
  }
  // What is read into, and where its text ends.
  struct Target {
    const char* end;
    EventFields& fields;
  };
  [[nodiscard]] Index RootOf(Index tree) const { return tree == kNone ? kNone : trees_[tree].root; }
  // What is behind the object or array at `at`, with at most `depth` more inside; nullptr when it
  // is of no form that is known. The objects found there are those of `tree`.
  const char* ReadObject(const char* at, Index tree, std::size_t depth, const Target& to) const;
  const char* ReadArray(const char* at, Index tree, std::size_t depth, const Target& to,
                        JsonValue& value) const;

  void LearnObject(const Lesson& lesson, JsonWalker::Token at, Index tree, std::size_t depth);
  void LearnArray(const Lesson& lesson, JsonWalker::Token at, Index tree, std::size_t depth);
  [[nodiscard]] bool Add(const JsonWalker& json, const std::vector<ObjectPiece>& pieces,
                         Index tree);
  [[nodiscard]] static Comparison Compare(const ObjectPiece& piece, std::string_view segment);
  void AddVarying(std::string_view key);
  // Of the objects at a blank of a form in `parent`, and of those in arrays there.
  [[nodiscard]] Index TreeOf(const JsonWalker& json, const ObjectPiece& piece, Index parent);
  [[nodiscard]] Index ElementsOf(Index tree);
  // Each gives kNone when there is no room for it, or when it is too large.
  [[nodiscard]] Index AddTree(Tree tree);
  [[nodiscard]] Index AddSegment(const ObjectPiece& piece);
  void Forget();

  std::vector<Tree> trees_;  // the first one is that of events
  std::vector<Segment> segments_;
  // Of all segments, and as much as may be read behind them.
  std::string text_;
  // Keys of constants that came with another value: they are blanks from then on.
  KeySet varying_;
  bool is_full_ = false;  // something had no room
  int credit_ = kFirstLessons * kEventsPerLesson;
  FieldTokens found_;
};

}  // namespace usage_ingest::ingest
