#include "daemon/telemetry/recent_errors.h"

#include <algorithm>

namespace usage_ingest::telemetry {
namespace {

// PostgreSQL's CONTEXT of a lock timeout names the row: "while updating tuple (12,34) in relation".
std::string WithoutTupleNumbers(std::string_view message) {
  constexpr std::string_view kTuple = "tuple (";
  std::string text;
  while (true) {
    const std::size_t begin = message.find(kTuple);
    if (begin == std::string_view::npos) return text.append(message);
    const std::size_t numbers = begin + kTuple.size();
    const std::size_t end =
        std::min(message.find_first_not_of("0123456789,", numbers), message.size());
    text.append(message.substr(0, numbers));
    message.remove_prefix(end);
  }
}

}  // namespace

void RecentErrors::Add(std::string_view source, std::string_view message, std::int64_t now_ms) {
  message = message.substr(0, kMessageBytesMax);
  const auto is_same = [source, key = WithoutTupleNumbers(message)](const RecentError& error) {
    return error.source == source && WithoutTupleNumbers(error.message) == key;
  };
  RecentError added{now_ms, source, std::string(message)};
  if (const auto known = std::ranges::find_if(errors_, is_same); known != errors_.end()) {
    added.times = known->times + 1;
    errors_.erase(known);
  }
  errors_.insert(errors_.begin(), std::move(added));
  if (errors_.size() > kKept) errors_.pop_back();
}

}  // namespace usage_ingest::telemetry
