#include "daemon/text/units.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

namespace usage_ingest::text {
namespace {

using std::chrono::milliseconds;

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 5> kDurationUnits = {
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}}};
constexpr std::array<std::pair<std::string_view, std::uint64_t>, 6> kSizeUnits = {
    {{"B", 1},
     {"", 1},
     {"KiB", 1ULL << 10},
     {"MiB", 1ULL << 20},
     {"GiB", 1ULL << 30},
     {"TiB", 1ULL << 40}}};
// A bound far above every key's own one, so that their arithmetic cannot overflow.
constexpr std::uint64_t kValueMax = 1ULL << 53;

struct Amount {
  std::uint64_t number;
  std::string_view unit;
};

std::optional<Amount> SplitAmount(std::string_view text) {
  Amount amount{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), amount.number);
  if (error != std::errc{}) return std::nullopt;
  amount.unit = text.substr(static_cast<std::size_t>(end - text.data()));
  while (amount.unit.starts_with(' ')) amount.unit.remove_prefix(1);
  return amount;
}

template <class Units>
std::optional<std::uint64_t> Scale(const Units& units, const Amount& amount) {
  for (const auto& [name, factor] : units) {
    if (name != amount.unit) continue;
    if (amount.number > kValueMax / factor) return std::nullopt;
    return amount.number * factor;
  }
  return std::nullopt;
}

template <class Units>
std::string InLargestUnit(const Units& units, std::uint64_t value) {
  std::pair<std::string_view, std::uint64_t> best = {units[0].first, 1};
  for (const auto& unit : units) {
    if (unit.second > 1 && value != 0 && value % unit.second == 0) best = unit;
  }
  return fmt::format("{}{}", value / best.second, best.first);
}

// A cursor over fixed-width decimal fields.
class Digits {
 public:
  explicit Digits(std::string_view text) : rest_(text) {}

  bool Take(std::size_t width, unsigned& value) {
    if (rest_.size() < width) return false;
    value = 0;
    for (const char c : rest_.substr(0, width)) {
      if (c < '0' || c > '9') return false;
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    rest_.remove_prefix(width);
    return true;
  }
  bool Skip(std::string_view any_of) {
    if (rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  [[nodiscard]] char front() const { return rest_.empty() ? '\0' : rest_.front(); }
  [[nodiscard]] bool empty() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

bool TakeClock(Digits& digits, std::int64_t& micros) {
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
  if (!digits.Take(2, hour) || !digits.Skip(":") || !digits.Take(2, minute)) return false;
  if (digits.Skip(":") && !digits.Take(2, second)) return false;
  if (hour > 23 || minute > 59 || second > 59) return false;
  micros = ((std::int64_t{hour} * 60 + minute) * 60 + second) * 1'000'000;
  if (!digits.Skip(".")) return true;
  std::int64_t unit = 100'000;
  unsigned digit = 0;
  if (!digits.Take(1, digit)) return false;
  do {
    micros += unit * digit;
    unit /= 10;
  } while (unit > 0 && digits.Take(1, digit));
  return true;
}

bool TakeZone(Digits& digits, std::int64_t& offset_micros) {
  offset_micros = 0;
  if (digits.empty() || digits.Skip("Zz")) return true;
  const std::int64_t sign = digits.front() == '-' ? -1 : 1;
  unsigned hour = 0;
  unsigned minute = 0;
  if (!digits.Skip("+-") || !digits.Take(2, hour)) return false;
  static_cast<void>(digits.Skip(":"));  // ignored because the colon is optional
  if (!digits.empty() && !digits.Take(2, minute)) return false;
  offset_micros = sign * (std::int64_t{hour} * 60 + minute) * 60 * 1'000'000;
  return hour < 24 && minute < 60;
}

}  // namespace

std::optional<milliseconds> ParseDuration(std::string_view text) {
  const auto amount = SplitAmount(text);
  if (!amount) return std::nullopt;
  if (amount->number == 0 && amount->unit.empty()) return milliseconds(0);
  const auto value = Scale(kDurationUnits, *amount);
  if (!value) return std::nullopt;
  return milliseconds(static_cast<std::int64_t>(*value));
}

std::optional<std::size_t> ParseSize(std::string_view text) {
  const auto amount = SplitAmount(text);
  return amount ? Scale(kSizeUnits, *amount) : std::nullopt;
}

std::string FormatDuration(milliseconds duration) {
  return InLargestUnit(kDurationUnits, static_cast<std::uint64_t>(duration.count()));
}

std::string FormatSize(std::size_t bytes) { return InLargestUnit(kSizeUnits, bytes); }

std::optional<EventTimeUs> ParseIsoTime(std::string_view text) {
  Digits digits(text);
  unsigned year = 0;
  unsigned month = 0;
  unsigned day = 0;
  if (!digits.Take(4, year) || !digits.Skip("-") || !digits.Take(2, month) || !digits.Skip("-") ||
      !digits.Take(2, day)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(year)),
                                         std::chrono::month(month), std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  std::int64_t clock = 0;
  std::int64_t zone = 0;
  if (digits.Skip("Tt ") && !TakeClock(digits, clock)) return std::nullopt;
  if (!TakeZone(digits, zone) || !digits.empty()) return std::nullopt;
  const auto midnight = std::chrono::microseconds(std::chrono::sys_days(date).time_since_epoch());
  return EventTimeUs{midnight.count() + clock - zone};
}

std::string FormatIsoTime(EventTimeUs time) {
  const std::chrono::sys_time<std::chrono::microseconds> point{
      std::chrono::microseconds(time.value)};
  const auto day = std::chrono::floor<std::chrono::days>(point);
  const std::chrono::year_month_day date{day};
  const auto micros = (point - day).count();
  const auto clock = micros / 1'000;
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  clock / 3'600'000, clock / 60'000 % 60, clock / 1'000 % 60);
  if (micros % 1'000 != 0) {
    text += fmt::format(".{:06}", micros % 1'000'000);
  } else if (clock % 1'000 != 0) {
    text += fmt::format(".{:03}", clock % 1'000);
  }
  return text + "Z";
}

}  // namespace usage_ingest::text
