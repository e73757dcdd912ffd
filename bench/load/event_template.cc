#include "bench/load/event_template.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace usage_ingest::load {
namespace {

// What a lean callback leaves out (docs/events.md), and copies of HTTP headers.
constexpr std::array<std::string_view, 8> kBulky = {
    "messages",      "response",  "model_map_information", "guardrail_information",
    "hidden_params", "traceback", "requester_metadata",    "requester_custom_headers"};

bool IsEmpty(simdjson::dom::element value) {
  if (value.is_null()) return true;
  if (std::string_view text; value.get(text) == simdjson::SUCCESS) return text.empty();
  if (simdjson::dom::array array; value.get(array) == simdjson::SUCCESS) return array.size() == 0;
  if (simdjson::dom::object object; value.get(object) == simdjson::SUCCESS) {
    return object.size() == 0;
  }
  return false;
}

void CopyWithoutBulk(simdjson::dom::element value, bool drop_empty, std::string& out) {
  simdjson::dom::object object;
  if (value.get(object) != simdjson::SUCCESS) {
    out += simdjson::minify(value);
    return;
  }
  out.push_back('{');
  for (const auto& [key, member] : object) {
    if (std::ranges::find(kBulky, key) != kBulky.end()) continue;
    if (drop_empty && IsEmpty(member)) continue;
    if (out.back() != '{') out.push_back(',');
    out.append("\"").append(key).append("\":");
    CopyWithoutBulk(member, drop_empty, out);
  }
  out.push_back('}');
}

std::string Reduce(std::string_view captured, PayloadSize size) {
  while (captured.ends_with('\n')) captured.remove_suffix(1);
  if (size == PayloadSize::kFull) return std::string(captured);
  simdjson::dom::parser parser;
  std::string reduced;
  CopyWithoutBulk(parser.parse(simdjson::padded_string(captured)), size == PayloadSize::kLean,
                  reduced);
  return reduced;
}

std::size_t IndexOf(std::string_view name, std::span<const std::string_view> names) {
  const auto found = std::ranges::find(names, name);
  if (found == names.end()) {
    throw std::invalid_argument("event template: no field is called " + std::string(name));
  }
  return static_cast<std::size_t>(found - names.begin());
}

}  // namespace

EventTemplate::EventTemplate(std::string_view captured, PayloadSize size,
                             std::span<const std::string_view> hole_names)
    : text_(Reduce(captured, size)) {
  std::string_view rest = text_;
  for (;;) {
    const std::size_t open = rest.find("{{");
    if (open == std::string_view::npos) break;
    const std::size_t close = rest.find("}}", open);
    std::string_view literal = rest.substr(0, open);
    std::string_view name = rest.substr(open + 2, close - open - 2);
    rest.remove_prefix(close + 2);
    if (name.starts_with('#')) {  // stands for the whole value: the quotes around it go
      name.remove_prefix(1);
      literal.remove_suffix(1);
      rest.remove_prefix(1);
    }
    pieces_.push_back({literal, IndexOf(name, hole_names)});
  }
  tail_ = rest;
}

}  // namespace usage_ingest::load
