#include "daemon/replay/import_splitter.h"

#include <utility>

#include "ingest/json/json_text.h"

namespace usage_ingest::replay {

using json::IsJsonBlank;
using json::JsonNesting;
using json::kByteOrderMark;

ImportSplitter::ImportSplitter(std::size_t element_bytes_max, OnElement on_element)
    : element_bytes_max_(element_bytes_max), on_element_(std::move(on_element)) {}

void ImportSplitter::Feed(std::string_view bytes) {
  for (const char c : bytes) {
    if (!IsOfByteOrderMark(c)) Feed(c);
  }
}

bool ImportSplitter::IsOfByteOrderMark(char c) {
  if (mark_seen_ < json::kByteOrderMark.size() && c == json::kByteOrderMark[mark_seen_]) {
    ++mark_seen_;
    return true;
  }
  mark_seen_ = json::kByteOrderMark.size();
  return false;
}

void ImportSplitter::Feed(char c) {
  if (form_ == Form::kBehindArray) {
    if (json::IsJsonBlank(c) && c != '\n') return;
    form_ = Form::kUnknown;
    if (c == '\n') return;
  }
  if (form_ == Form::kUnknown && !json::IsJsonBlank(c))
    form_ = c == '[' ? Form::kArray : Form::kLines;
  if (form_ == Form::kArray) {
    FeedArray(c);
  } else {
    FeedLines(c);
  }
}

void ImportSplitter::FeedLines(char c) {
  if (c == '\n') {
    Emit();
    ++number_;
  } else {
    Keep(c);
  }
}

// Depth 1 is the array itself: commas and the closing bracket there end an element.
void ImportSplitter::FeedArray(char c) {
  const bool is_inside = nesting_.depth() != 0;
  const bool is_between = nesting_.depth() == 1 && !nesting_.in_string();
  nesting_.Take(c);
  if (is_between && (c == ',' || json::JsonNesting::IsClosing(c))) {
    Emit();
    ++number_;
    if (c != ',') form_ = Form::kBehindArray;
  } else if (is_inside) {
    Keep(c);
  }
}

void ImportSplitter::Keep(char c) {
  if (element_.size() <= element_bytes_max_) element_ += c;
}

void ImportSplitter::Emit() {
  if (!json::TrimJsonBlanks(element_).empty()) on_element_(number_, element_);
  element_.clear();
}

void ImportSplitter::Finish() { Emit(); }

}  // namespace usage_ingest::replay
