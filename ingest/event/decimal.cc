#include "ingest/event/decimal.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace usage_ingest::ingest {
namespace {

// Far beyond every scale in use, and far from overflowing when lengths of texts are added.
constexpr std::int64_t kExponentMax = std::int64_t{1} << 40;
constexpr int kInt64Digits = 18;  // that many always fit

constexpr bool IsDigit(char c) { return c >= '0' && c <= '9'; }

const char* SkipDigits(const char* at, const char* end) {
  while (at != end && IsDigit(*at)) ++at;
  return at;
}

// "e-12"; moves `at` behind it. False: not an exponent.
bool TakeExponent(const char*& at, const char* end, std::int64_t& exponent) {
  ++at;
  const bool negative = at != end && *at == '-';
  if (at != end && (*at == '-' || *at == '+')) ++at;
  if (at == end) return false;
  for (; at != end && IsDigit(*at); ++at) {
    exponent = std::min(kExponentMax, exponent * 10 + (*at - '0'));
  }
  if (!IsDigit(at[-1])) return false;
  if (negative) exponent = -exponent;
  return true;
}

}  // namespace

std::optional<Decimal> Decimal::Parse(std::string_view text) {
  Decimal number;
  const char* at = text.data();
  const char* const end = at + text.size();
  if (at != end && (*at == '-' || *at == '+')) number.negative_ = *at++ == '-';
  const char* const whole = at;
  const char* const whole_end = at = SkipDigits(at, end);
  const char* fraction = whole_end;
  const char* fraction_end = whole_end;
  if (at != end && *at == '.') {
    fraction = at + 1;
    fraction_end = at = SkipDigits(fraction, end);
  }
  if (whole == whole_end && fraction == fraction_end) return std::nullopt;
  std::int64_t exponent = 0;
  if (at != end && (*at == 'e' || *at == 'E') && !TakeExponent(at, end, exponent)) {
    return std::nullopt;
  }
  if (at != end) return std::nullopt;

  const char* first = whole;
  while (first != fraction_end && (*first == '0' || *first == '.')) ++first;
  if (first == fraction_end) return number;  // zero
  const char* last = fraction_end - 1;
  while (*last == '0' || *last == '.') --last;
  number.text_ = first;
  number.magnitude_ = exponent + (whole_end - first);
  number.digits_ = last - first + 1;
  if (first < whole_end && last >= fraction) {  // the dot is between them
    --number.digits_;
    number.dot_ = whole_end - first;
  } else {
    number.dot_ = number.digits_;
    if (first >= fraction) ++number.magnitude_;  // the dot was counted as a digit
  }
  return number;
}

int Decimal::Digit(std::int64_t i) const noexcept {
  if (i >= digits_) return 0;
  return text_[i < dot_ ? i : i + 1] - '0';
}

bool Decimal::is_whole() const noexcept { return digits_ == 0 || digits_ <= magnitude_; }

std::int64_t Decimal::Scaled(int places) const noexcept {
  const std::int64_t wanted = magnitude_ + places;  // that many digits stand before the point
  if (is_zero() || wanted < 0) return 0;
  std::int64_t value = kSaturated;
  if (wanted <= kInt64Digits) {
    value = 0;
    for (std::int64_t i = 0; i < wanted; ++i) value = value * 10 + Digit(i);
    if (Digit(wanted) >= 5) ++value;
  }
  return negative_ ? -value : value;
}

std::size_t Decimal::WritePlain(char* out) const noexcept {
  constexpr std::int64_t kWhole = 9;  // one more than the digits of 10^8, for the carry
  constexpr std::int64_t kPlaces = kPlainDecimals;
  std::array<char, kWhole + kPlaces> digits;
  digits.fill('0');
  const std::int64_t kept = magnitude_ + kPlaces;  // further digits are rounded away
  if (is_zero() || kept < 0) return 0;
  for (std::int64_t i = 0; i < std::min(kept, digits_); ++i) {
    digits[static_cast<std::size_t>(kWhole - magnitude_ + i)] = static_cast<char>('0' + Digit(i));
  }
  if (Digit(kept) >= 5) {
    char* digit = &digits.back();
    for (; *digit == '9'; --digit) *digit = '0';
    ++*digit;
  }
  const char* first = digits.data();
  const char* last = digits.data() + digits.size();
  while (first != digits.data() + kWhole - 1 && *first == '0') ++first;
  while (last != digits.data() + kWhole && last[-1] == '0') --last;
  const char* const point = digits.data() + kWhole;
  if (last == point && *first == '0') return 0;  // rounded to nothing

  char* at = out;
  if (negative_) *at++ = '-';
  at = std::copy(first, point, at);
  if (last != point) {
    *at++ = '.';
    at = std::copy(point, last, at);
  }
  return static_cast<std::size_t>(at - out);
}

}  // namespace usage_ingest::ingest
