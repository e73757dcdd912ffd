#include "ingest/event/time_text.h"

#include <chrono>
#include <cstdint>

namespace usage_ingest::event {
namespace {

constexpr std::int64_t kMicros = 1'000'000;

// Reads from the front of a text; `failed` stays once it is set.
struct Scanner {
  std::string_view rest;
  bool failed = false;

  bool Take(char c) {
    if (rest.empty() || rest.front() != c) return false;
    rest.remove_prefix(1);
    return true;
  }
  void Expect(char c) { failed |= !Take(c); }
  int Number(std::size_t digits) {
    if (rest.size() < digits) {
      failed = true;
      return 0;
    }
    int value = 0;
    for (const char c : rest.substr(0, digits)) {
      if (c < '0' || c > '9') failed = true;
      value = value * 10 + (c - '0');
    }
    rest.remove_prefix(digits);
    return value;
  }
};

std::int64_t TakeFraction(Scanner& in) {
  if (!in.Take('.')) return 0;
  std::int64_t micros = 0;
  std::size_t digits = 0;
  for (; !in.rest.empty() && in.rest.front() >= '0' && in.rest.front() <= '9'; ++digits) {
    const int digit = in.rest.front() - '0';
    if (digits < 6) micros = micros * 10 + digit;
    if (digits == 6 && digit >= 5) ++micros;
    in.rest.remove_prefix(1);
  }
  if (digits == 0) in.failed = true;
  for (; digits < 6; ++digits) micros *= 10;
  return micros;
}

// Seconds east of UTC.
std::int64_t TakeZone(Scanner& in) {
  if (in.rest.empty() || in.Take('Z') || in.Take('z')) return 0;
  const bool west = in.rest.front() == '-';
  if (!in.Take('-')) in.Expect('+');
  const int hours = in.Number(2);
  int minutes = 0;
  if (!in.rest.empty()) {
    static_cast<void>(in.Take(':'));  // ignored because both ways of writing it are good
    minutes = in.Number(2);
  }
  in.failed |= hours > 23 || minutes > 59;
  const std::int64_t seconds = hours * 3600 + minutes * 60;
  return west ? -seconds : seconds;
}

}  // namespace

std::optional<EventTimeUs> ParseDateTime(std::string_view text) {
  Scanner in{text};
  const int year = in.Number(4);
  in.Expect('-');
  const int month = in.Number(2);
  in.Expect('-');
  const int day = in.Number(2);
  if (!in.Take('T') && !in.Take('t')) in.Expect(' ');
  const int hour = in.Number(2);
  in.Expect(':');
  const int minute = in.Number(2);
  int second = 0;
  std::int64_t micros = 0;
  if (in.Take(':')) {
    second = in.Number(2);
    micros = TakeFraction(in);
  }
  const std::int64_t zone = TakeZone(in);
  if (in.failed || !in.rest.empty()) return std::nullopt;

  using namespace std::chrono;
  const year_month_day date{std::chrono::year{year},
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year == 0 || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const std::int64_t days = sys_days{date}.time_since_epoch().count();
  const std::int64_t seconds = days * 86400 + hour * 3600 + minute * 60 + second - zone;
  // Before 1970 a fraction of exactly half a microsecond would round up instead of away from zero;
  // such times are out of bounds anyway.
  return EventTimeUs{seconds * kMicros + micros};
}

}  // namespace usage_ingest::event
