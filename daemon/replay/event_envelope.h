#pragma once
// EventEnvelope: which values of a file are events, and the events inside the envelopes in which
// LiteLLM's exports put them.
//
// An object with `startTime` is an event: every StandardLoggingPayload and every row of SpendLogs
// has one. An object without it is opened if it is a known envelope (the table is in the source
// file and in docs/events.md). What is inside is a stream of values again, because envelopes are
// nested: an SQS message of an SNS topic.
//
// Owner         one file.
// Shape         the text of an element is valid during the callback.
// Limit         envelopes inside each other: kDepthMax. Memory as JsonIndex, for one value.
// Source        docs/events.md, "Files".
#include <functional>
#include <string>
#include <string_view>

#include "ingest/json/json_index.h"

namespace usage_ingest::replay {

class EventEnvelope {
 public:
  static constexpr int kDepthMax = 4;

  enum class Kind : unsigned char { kEvent, kOtherObject, kNoObject, kBroken };
  struct Element {
    std::string_view text;
    Kind kind = Kind::kEvent;
  };
  using OnElement = std::function<void(const Element&)>;

  explicit EventEnvelope(OnElement on_element) : on_element_(std::move(on_element)) {}
  // Calls OnElement for the value, or for each value inside it if it is an envelope.
  void Open(std::string_view value) { Open(value, 0); }

  // The names of the first members of an object, for a message; without what could be a secret.
  [[nodiscard]] std::string MemberNames(std::string_view object);

 private:
  struct Members;
  void Open(std::string_view value, int depth);
  void OpenContent(std::string_view content, int depth);
  // False if it is not JSON.
  [[nodiscard]] bool Build(std::string_view value);

  OnElement on_element_;
  json::JsonIndex index_;
  std::string clean_;  // the value at hand if its UTF-8 had to be repaired
};

}  // namespace usage_ingest::replay
