#include "daemon/replay/event_envelope.h"

#include <algorithm>
#include <array>
#include <optional>

#include "daemon/replay/json_stream.h"
#include "ingest/json/json_text.h"
#include "ingest/json/json_walker.h"

namespace usage_ingest::replay {
namespace {

using json::JsonKind;
using json::JsonValue;
using json::JsonWalker;

constexpr std::string_view kEventMember = "startTime";

struct Envelope {
  std::string_view content;  // the member that holds the events: JSON, or text that is JSON
  std::string_view mark;     // a member beside it; empty: the content must be an array
};
constexpr auto kEnvelopes = std::to_array<Envelope>({
    {"data", ""},               // LiteLLM, GET /spend/logs/v2
    {"data", "specversion"},    // CloudEvents 1.0
    {"message", "ddsource"},    // Datadog, a log entry
    {"Records", ""},            // AWS Lambda, an event of SQS or SNS
    {"body", "messageId"},      // AWS Lambda, a message of SQS
    {"Sns", "EventSource"},     // AWS Lambda, a message of SNS
    {"Messages", ""},           // aws sqs receive-message
    {"Body", "MessageId"},      // a message of it
    {"Message", "TopicArn"},    // SNS, a notification
    {"detail", "detail-type"},  // EventBridge
});

std::string Unescaped(std::string_view raw) {
  std::string text(raw.size(), '\0');
  text.resize(json::Unescape(raw, text.data()));
  return text;
}

// What the member holds as the content of an envelope; nothing: it is no content.
std::optional<std::string> ContentOf(const Envelope& envelope, const JsonValue& value) {
  const bool is_text = value.kind == JsonKind::kString && !envelope.mark.empty();
  if (is_text) return Unescaped(value.text());
  const bool is_object = value.kind == JsonKind::kObject && !envelope.mark.empty();
  if (is_object || value.kind == JsonKind::kArray) return std::string(value.text());
  return std::nullopt;
}

bool IsHarmless(std::string_view name) {
  constexpr std::size_t kNameBytesMax = 40;
  const auto is_of_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-' || c == '.';
  };
  return name.size() <= kNameBytesMax && std::ranges::all_of(name, is_of_name);
}

}  // namespace

// The members of an object that tell what it is.
struct EventEnvelope::Members {
  bool has_event_member = false;
  std::array<JsonValue, kEnvelopes.size()> contents;
  std::array<bool, kEnvelopes.size()> has_mark{};

  // False if the object is not JSON.
  [[nodiscard]] bool Read(const JsonWalker& json, JsonWalker::Token object) {
    const auto find = [&](std::string_view name) {
      if (name == kEventMember) has_event_member = true;
      bool is_content = false;
      for (std::size_t i = 0; i < kEnvelopes.size(); ++i) {
        is_content = is_content || name == kEnvelopes[i].content;
        has_mark[i] = has_mark[i] || name == kEnvelopes[i].mark;
      }
      return is_content ? std::optional(name) : std::nullopt;
    };
    const auto read = [&](std::string_view name, JsonWalker::Token at) {
      JsonValue value;
      const JsonWalker::Token next = json.Read(at, value);
      for (std::size_t i = 0; i < kEnvelopes.size(); ++i) {
        if (name == kEnvelopes[i].content) contents[i] = value;
      }
      return next;
    };
    return json.ReadObject(object, find, read) == json.end();
  }

  // If it is an envelope.
  [[nodiscard]] std::optional<std::string> Content() const {
    for (std::size_t i = 0; i < kEnvelopes.size(); ++i) {
      if (!has_mark[i] && !kEnvelopes[i].mark.empty()) continue;
      if (auto content = ContentOf(kEnvelopes[i], contents[i])) return content;
    }
    return std::nullopt;
  }
};

bool EventEnvelope::Build(std::string_view value) {
  json::JsonIndex::Status status = index_.Build(value);
  if (status == json::JsonIndex::Status::kBadUtf8) {
    clean_ = json::ReplaceBadUtf8(value);
    status = index_.Build(clean_);
  }
  return status == json::JsonIndex::Status::kOk;
}

void EventEnvelope::Open(std::string_view value, int depth) {
  if (!value.starts_with('{')) return on_element_({value, Kind::kNoObject});
  if (!Build(value)) return on_element_({value, Kind::kBroken});
  const JsonWalker json(index_);
  const JsonWalker::Token at = json.Container();
  Members members;
  if (at == JsonWalker::kBroken || !members.Read(json, at)) {
    return on_element_({value, Kind::kBroken});
  }
  if (members.has_event_member) return on_element_({value, Kind::kEvent});
  const auto content = depth < kDepthMax ? members.Content() : std::nullopt;
  if (!content) return on_element_({value, Kind::kOtherObject});
  OpenContent(*content, depth + 1);
}

void EventEnvelope::OpenContent(std::string_view content, int depth) {
  JsonStream stream(content.size(),
                    [&](const JsonStream::Value& value) { Open(value.text, depth); });
  stream.Feed(content);
  // The content of an envelope that is JSON has no open array; text may have one.
  if (!stream.Finish()) on_element_({content, Kind::kBroken});
}

std::string EventEnvelope::MemberNames(std::string_view object) {
  constexpr int kNamesMax = 5;
  std::string names;
  int count = 0;
  const auto find = [&](std::string_view name) -> std::optional<bool> {
    if (count < kNamesMax && IsHarmless(name)) {
      ++count;
      names += (names.empty() ? "" : ", ") + std::string(name);
    }
    return std::nullopt;
  };
  const auto ignore = [](bool, JsonWalker::Token at) { return at; };
  if (!Build(object)) return names;
  const JsonWalker json(index_);
  if (json.Container() == JsonWalker::kBroken) return names;
  // ignored because a broken object has shown its first names
  static_cast<void>(json.ReadObject(json.Container(), find, ignore));
  return names;
}

}  // namespace usage_ingest::replay
