#include "ingest/pipeline/log_throttle.h"

#include <algorithm>
#include <utility>

namespace usage_ingest::pipeline {

namespace {

constexpr std::string_view kDigits = "0123456789";

// Of a number, a UUID, an address with its port, a file, a partition.
bool IsWordChar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("._:/-[]").contains(c);
}

}  // namespace

std::string MessageKind(std::string_view message) {
  std::string kind;
  while (!message.empty()) {
    const auto end = std::ranges::find_if_not(message, IsWordChar);
    const std::string_view word(message.begin(), end);
    const bool has_digit = word.find_first_of(kDigits) != std::string_view::npos;
    kind += has_digit ? "#" : word;
    message.remove_prefix(word.size());
    if (message.empty()) break;
    kind += message.front();
    message.remove_prefix(1);
  }
  return kind;
}

std::optional<std::uint64_t> LogThrottle::Admit(std::string_view key, TimePoint now) {
  const auto found = seen_.find(key);
  if (found == seen_.end()) {
    if (seen_.size() >= kKeysMax) seen_.clear();
    seen_.emplace(key, Seen{.said = now});
    return 0;
  }
  Seen& seen = found->second;
  if (now - seen.said < kInterval) {
    ++seen.suppressed;
    return std::nullopt;
  }
  seen.said = now;
  return std::exchange(seen.suppressed, 0);
}

}  // namespace usage_ingest::pipeline
