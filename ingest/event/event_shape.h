#pragma once
// EventShape: an event that looks like an earlier one is recognised instead of walked.
//
// LiteLLM fills in forms: the keys of an event, their order and much else are the same for all
// events of one kind from one version. A shape is such a form: the text of one event with blanks
// where values may differ. A text that is the same between its blanks has the same tokens there,
// so it is JSON if each blank holds a string or a scalar, and its members mean the same fields.
// What is left to do is to compare the text in between, to check the values, and to read the
// fields. A text of another shape is walked over, member by member.
//
// Owner         a Decoder.
// Shape         no string of an event is kept, only keys, words and zeros.
// Limit         kSlots shapes of kTextBytesMax bytes and kTokensMax tokens of about 10 bytes; 6 KB
//               for an event of 3 KB, and LiteLLM has a dozen forms. Memory is kept.
// Source        the idea is that of Mison (Li et al., "Mison: A Fast JSON Parser for Data
//               Analytics", VLDB 10, 2017): guess that a text is like the last ones, and check.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ingest/event/event_fields.h"
#include "ingest/event/json_walker.h"

namespace usage_ingest::ingest {

class EventShape {
 public:
  static constexpr std::size_t kTextBytesMax = 16 * 1024;

  // Becomes the shape of this text, whose fields a walk found at `fields`. A value is a blank
  // unless it is a word or a zero, which are likely to come again; and where the shape had a blank
  // or something else before, if it had as many tokens, it has a blank from now on. One with more
  // than kTextBytesMax between its blanks is no shape: nothing has it.
  // REQUIRES: all of the text is one object, and JSON.
  void Learn(const JsonWalker& json, const FieldTokens& fields);
  // Fills `fields`, which are clear, when the text has this shape and is JSON; else returns false
  // and leaves them in any state.
  [[nodiscard]] bool Read(const JsonWalker& json, EventFields& fields) const;

 private:
  // The text from the token behind one blank to the next blank, or to the end.
  struct Fixed {
    std::uint32_t token = 0;
    std::uint32_t size = 0;
    std::uint32_t begin = 0;  // in text_
    std::uint32_t end_token = 0;
  };

  void LearnKinds(const JsonWalker& json);
  void AddFixed(const JsonWalker& json, JsonWalker::Token from, JsonWalker::Token to);
  [[nodiscard]] bool HasText(const JsonWalker& json) const;

  FieldTokens blanks_;                     // those of fields
  std::vector<JsonWalker::Token> others_;  // those of nobody
  FieldTokens containers_;                 // fields whose brackets are fixed
  std::vector<Fixed> fixed_;
  std::string text_;  // of all that is fixed
  // By token: what it begins with, and what it is.
  std::string kinds_;
  enum class Use : unsigned char { kFixed, kBlank, kBlankOfField };
  std::vector<Use> uses_;
};

class EventShapes {
 public:
  static constexpr std::size_t kSlots = 256;
  static constexpr std::size_t kTokensMax = 2048;
  static constexpr int kMissesMax = 1024;

  // A step of JsonWalker: reads the event at `at` into `fields`.
  [[nodiscard]] JsonWalker::Token Read(const JsonWalker& json, JsonWalker::Token at,
                                       EventFields& fields);

 private:
  // One for the events of many numbers of tokens; few of them are in use.
  struct Slot {
    std::unique_ptr<EventShape> shape;
    int misses = 0;      // since it learned
    int misses_max = 0;  // before it learns again
  };

  [[nodiscard]] JsonWalker::Token Learn(const JsonWalker& json, EventFields& fields, Slot& slot);

  std::array<Slot, kSlots> slots_;
  FieldTokens found_;
};

}  // namespace usage_ingest::ingest
