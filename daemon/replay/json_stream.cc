#include "daemon/replay/json_stream.h"

#include <utility>

#include "ingest/json/json_text.h"

namespace usage_ingest::replay {
namespace {

constexpr char kRecordSeparator = '\x1E';  // RFC 7464

// A file whose end was lost in a crash can have NUL bytes there.
bool IsSeparator(char c) {
  return json::IsJsonBlank(c) || c == ',' || c == '\0' || c == kRecordSeparator;
}
bool IsOpening(char c) { return json::JsonNesting::IsOpening(c); }
bool IsClosing(char c) { return json::JsonNesting::IsClosing(c); }

}  // namespace

JsonStream::JsonStream(std::size_t value_bytes_max, OnValue on_value)
    : value_bytes_max_(value_bytes_max), on_value_(std::move(on_value)) {}

void JsonStream::Feed(std::string_view bytes) {
  for (const char c : bytes) {
    Take(c);
    ++offset_;
    ++column_;
    is_line_blank_ = is_line_blank_ && json::IsJsonBlank(c);
    if (c != '\n') continue;
    ++line_;
    column_ = 0;
    is_line_blank_ = true;
  }
}

bool JsonStream::Finish() {
  if (state_ == State::kScalar) Emit();
  if (state_ != State::kBetween) EmitLines();
  return open_arrays_ == 0;
}

void JsonStream::Take(char c) {
  switch (state_) {
    case State::kBetween:
      return TakeBetween(c);
    case State::kObject:
      return TakeObject(c);
    case State::kScalar:
      return TakeScalar(c);
    case State::kTorn:
      return TakeTorn(c);
  }
}

void JsonStream::TakeBetween(char c) {
  if (IsSeparator(c) || IsPartOfByteOrderMark(c)) return;
  if (c == '{') return Begin(State::kObject, c);
  if (c == '[') {
    ++open_arrays_;
  } else if (IsArrayEnd(c)) {
    --open_arrays_;
  } else {
    Begin(State::kScalar, c);
  }
}

// Files that begin with a mark may have been joined.
bool JsonStream::IsPartOfByteOrderMark(char c) {
  if (c != json::kByteOrderMark[mark_bytes_]) {
    mark_bytes_ = 0;
    return false;
  }
  mark_bytes_ = (mark_bytes_ + 1) % json::kByteOrderMark.size();
  return true;
}

bool JsonStream::IsArrayEnd(char c) const { return c == ']' && open_arrays_ > 0; }

void JsonStream::TakeObject(char c) {
  if (BeginsLine(c) && !MayBeginValue()) {
    EmitLines();
    return TakeBetween(c);
  }
  Keep(c);
  if (string_.in_string() && c == '\n') {
    state_ = State::kTorn;
    return;
  }
  TrackBrackets(c);
  if (open_brackets_.empty()) return Emit();
  // More brackets than bytes of a value: it is too large anyway.
  if (open_brackets_.size() > value_bytes_max_) state_ = State::kTorn;
}

// With a bracket, where a value beside this one could begin.
bool JsonStream::BeginsLine(char c) const {
  return is_line_blank_ && IsOpening(c) && column_ <= value_column_;
}

bool JsonStream::MayBeginValue() const {
  const bool is_in_array = open_brackets_.back() == '[';
  return last_ == ':' || (is_in_array && (last_ == '[' || last_ == ','));
}

// A bracket that closes one of the other kind closes it too: the decoder finds the error.
void JsonStream::TrackBrackets(char c) {
  const bool is_inside = string_.in_string();
  const bool is_of_string = string_.Take(c);
  if (is_inside || json::IsJsonBlank(c)) return;
  last_ = c;
  if (is_of_string) return;
  if (IsOpening(c)) open_brackets_ += c;
  if (IsClosing(c) && !open_brackets_.empty()) open_brackets_.pop_back();
}

void JsonStream::TakeScalar(char c) {
  const bool ends = c == '\n' || IsOpening(c) || IsArrayEnd(c) || (c == ',' && open_arrays_ > 0);
  if (ends && (c == '\n' || !string_.in_string())) {
    Emit();
    return TakeBetween(c);
  }
  Keep(c);
  if (string_.in_string() || c == '"') TrackBrackets(c);
}

void JsonStream::TakeTorn(char c) {
  if (!BeginsLine(c)) return Keep(c);
  EmitLines();
  TakeBetween(c);
}

void JsonStream::Begin(State state, char c) {
  state_ = state;
  value_line_ = line_;
  value_offset_ = offset_;
  value_column_ = column_;
  string_ = {};
  open_brackets_.clear();
  Keep(c);
  TrackBrackets(c);
}

void JsonStream::Keep(char c) {
  if (value_.size() <= value_bytes_max_) value_ += c;
}

void JsonStream::Emit() {
  const std::string_view text = json::TrimJsonBlanks(value_);
  if (!text.empty()) on_value_({text, value_line_, value_offset_});
  value_.clear();
  state_ = State::kBetween;
}

// Of a value that is not JSON: each line that begins as a value beside it would may be one.
void JsonStream::EmitLines() {
  const std::string text = std::exchange(value_, {});
  const std::int64_t line = value_line_;
  const std::int64_t offset = value_offset_;
  // One that is too large is one value: its end is not known.
  const bool is_whole = text.size() <= value_bytes_max_;
  std::size_t begin = 0;
  std::int64_t lines = 0;
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1)) {
    ++lines;
    const std::size_t next = text.find_first_not_of(" \t", at + 1);
    if (!is_whole || next == std::string::npos || !IsOpening(text[next])) continue;
    if (next - at - 1 > static_cast<std::size_t>(value_column_)) continue;
    value_.assign(text, begin, next - begin);
    Emit();
    begin = next;
    value_line_ = line + lines;
    value_offset_ = offset + static_cast<std::int64_t>(begin);
  }
  value_.assign(text, begin);
  Emit();
}

}  // namespace usage_ingest::replay
