#include "daemon/replay/import_check.h"

#include <array>
#include <string>

#include "daemon/replay/import_elements.h"
#include "daemon/text/user_error.h"

namespace usage_ingest::replay {
namespace {

using Kind = EventEnvelope::Kind;

constexpr const char* kFix =
    "a file of events contains StandardLoggingPayload objects or rows of LiteLLM_SpendLogs as "
    "JSON; /usr/share/doc/usage-ingestd/events.md lists the envelopes that are opened";

std::string WhatIs(const ImportElements::Element& element, std::size_t value_bytes_max) {
  if (element.text.size() > value_bytes_max) {
    return "a value of more than " + std::to_string(value_bytes_max) +
           " bytes (events.record_bytes_max)";
  }
  switch (element.kind) {
    case Kind::kEvent:
      return "an event";
    case Kind::kOtherObject: {
      const std::string names = EventEnvelope({}).MemberNames(element.text);
      return "an object without startTime" + (names.empty() ? "" : "; its members: " + names);
    }
    case Kind::kNoObject:
      return "no JSON object";
    case Kind::kBroken:
      return "not JSON";
  }
  return "";
}

text::UserError NoEvent(const std::string& where, const std::string& what) {
  return {text::ExitCode::kBadInput,
          {.what = "no event in this file" + what, .where = where, .fix = kFix}};
}

}  // namespace

std::optional<std::int64_t> CheckImportFile(
    ImportFile& file, std::size_t value_bytes_max, const std::stop_token& stop,
    const std::function<void(std::int64_t bytes)>& on_read) {
  std::int64_t count = 0;
  bool has_event = false;
  std::string where = file.name();
  std::string what = ": it is empty";
  ImportElements elements(value_bytes_max, [&](const ImportElements::Element& element) {
    count = element.number;
    has_event = has_event || element.kind == Kind::kEvent;
    if (has_event || element.number > 1) return;
    where += ":" + std::to_string(element.line) + " (byte " + std::to_string(element.offset) + ")";
    what = ": the first value is " + WhatIs(element, value_bytes_max);
  });
  file.Open();
  std::array<char, 65536> buffer;
  while (const std::size_t got = file.Read(buffer)) {
    if (stop.stop_requested()) return std::nullopt;
    elements.Feed({buffer.data(), got});
    on_read(file.bytes_read());
  }
  const bool is_complete = elements.Finish();
  file.Close();
  if (!is_complete) throw file.Damaged("ends inside an array");
  if (!has_event) throw NoEvent(where, what);
  return count;
}

}  // namespace usage_ingest::replay
