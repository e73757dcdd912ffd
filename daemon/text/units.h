#pragma once
// Units: "250ms", "7d", "32MiB" and times of day as people write them, to numbers and back.
//
// Errors        nullopt when the text is not one; the caller knows the key and says what was wrong.
#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "schema/strong.h"

namespace usage_ingest::text {

// The whole text must be the number.
template <std::integral T>
[[nodiscard]] std::optional<T> ParseNumber(std::string_view text) {
  T number{};
  const char* const end = text.data() + text.size();
  const auto [read_to, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || read_to != end) return std::nullopt;
  return number;
}

// A whole number and one of ms, s, m, h, d; "0" alone is zero.
[[nodiscard]] std::optional<std::chrono::milliseconds> ParseDuration(std::string_view text);
// A whole number and one of B, KiB, MiB, GiB, TiB, or a plain number of bytes. Decimal units (MB)
// are refused: half of their readers take them for binary ones.
[[nodiscard]] std::optional<std::size_t> ParseSize(std::string_view text);

// In the largest unit that is exact: "7d", "32MiB".
[[nodiscard]] std::string FormatDuration(std::chrono::milliseconds duration);
[[nodiscard]] std::string FormatSize(std::size_t bytes);

// ISO 8601: a date, or a date and a time with up to six decimals, 'T' or a blank between them, and
// Z, +hh:mm, +hhmm or +hh. UTC when no zone is given.
[[nodiscard]] std::optional<EventTimeUs> ParseIsoTime(std::string_view text);
// "2026-11-22T18:00:00Z", with three or six decimals when there are any. PostgreSQL reads it.
[[nodiscard]] std::string FormatIsoTime(EventTimeUs time);

}  // namespace usage_ingest::text
