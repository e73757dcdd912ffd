#include "ingest/event/decimal.h"

#include <algorithm>
#include <array>

#include "ingest/json/plain_number.h"

namespace usage_ingest::event {
namespace {

constexpr std::int64_t kLeadingDigits = 19;  // fit 64 bits whatever they are
constexpr std::uint64_t kScaledEnd = 1'000'000'000'000'000'000;
// Far beyond every scale in use, and far from overflowing when lengths of texts are added.
constexpr std::int64_t kExponentMax = std::int64_t{1} << 40;

// REQUIRES: 0 <= exponent < 20.
std::uint64_t PowerOfTen(std::int64_t exponent) {
  return json::kPowersOfTen[static_cast<std::size_t>(exponent)];
}

bool TakeDigit(const char*& at, const char* end, std::uint64_t& value) {
  if (at == end) return false;
  const auto digit = static_cast<unsigned char>(*at - '0');
  if (digit > 9) return false;
  value = value * 10 + digit;
  ++at;
  return true;
}

void SkipZeros(const char*& at, const char* end) {
  while (at != end && *at == '0') ++at;
}

// "e-12"; moves `at` behind it. False: not an exponent.
bool TakeExponent(const char*& at, const char* end, std::int64_t& exponent) {
  ++at;
  const bool negative = at != end && *at == '-';
  if (at != end && (*at == '-' || *at == '+')) ++at;
  const char* const first = at;
  for (std::uint64_t digit = 0; TakeDigit(at, end, digit); digit = 0) {
    exponent = std::min(kExponentMax, exponent * 10 + static_cast<std::int64_t>(digit));
  }
  if (negative) exponent = -exponent;
  return at != first;
}

}  // namespace

// The significant digits of a mantissa one by one, without zeros at either end.
struct Decimal::Digits {
  Digits(std::string_view mantissa, std::int64_t exponent) {
    const std::size_t point = std::min(mantissa.find('.'), mantissa.size());
    const std::size_t begin = std::min(mantissa.find_first_not_of("0."), mantissa.size());
    const std::size_t last = mantissa.find_last_not_of("0.");
    if (last == std::string_view::npos) return;
    first = mantissa.data() + begin;
    const bool is_dot_inside = begin < point && point < last;
    count = static_cast<std::int64_t>(last - begin) + (is_dot_inside ? 0 : 1);
    dot = is_dot_inside ? static_cast<std::int64_t>(point - begin) : count;
    magnitude = exponent + static_cast<std::int64_t>(point) - static_cast<std::int64_t>(begin) +
                (begin > point ? 1 : 0);
  }
  // 0 beyond the last.
  [[nodiscard]] unsigned operator[](std::int64_t i) const {
    if (i >= count) return 0;
    return static_cast<unsigned>(first[i < dot ? i : i + 1] - '0');
  }

  const char* first = nullptr;
  std::int64_t count = 0;
  std::int64_t dot = 0;        // the '.' stands before this digit; count when it is not inside
  std::int64_t magnitude = 0;  // the value is 0.d0d1d2... times 10^magnitude
};

void Decimal::TakeLeading(const Digits& digits) noexcept {
  const std::int64_t taken = std::min(digits.count, kLeadingDigits);
  leading_ = 0;
  for (std::int64_t i = 0; i < taken; ++i) leading_ = leading_ * 10 + digits[i];
  exponent_ = digits.magnitude - taken;
  has_more_ = digits.count > taken;
}

std::optional<Decimal> Decimal::Parse(std::string_view text) {
  Decimal number;
  const char* at = text.data();
  const char* const end = at + text.size();
  if (at != end && (*at == '-' || *at == '+')) number.negative_ = *at++ == '-';
  const char* const mantissa = at;
  SkipZeros(at, end);
  const char* const whole = at;
  while (TakeDigit(at, end, number.leading_)) continue;
  std::ptrdiff_t digits = at - whole;  // without leading zeros
  bool has_digits = at != mantissa;
  if (at != end && *at == '.') {
    const char* const fraction = ++at;
    if (digits == 0) SkipZeros(at, end);
    const char* const significant = at;
    while (TakeDigit(at, end, number.leading_)) continue;
    digits += at - significant;
    has_digits = has_digits || at != fraction;
    number.exponent_ = fraction - at;
  }
  if (!has_digits) return std::nullopt;
  number.mantissa_ = {mantissa, at};
  if (at != end && (*at == 'e' || *at == 'E') && !TakeExponent(at, end, number.written_exponent_)) {
    return std::nullopt;
  }
  if (at != end) return std::nullopt;
  number.exponent_ += number.written_exponent_;
  if (digits > kLeadingDigits) {
    number.TakeLeading(Digits(number.mantissa_, number.written_exponent_));
  }
  return number;
}

std::optional<Decimal> Decimal::FromPlain(std::string_view text, std::size_t dot) {
  const std::size_t decimals = dot == text.size() ? 0 : text.size() - dot - 1;
  const bool fits = dot <= json::PlainNumber::kDigitsMax &&
                    decimals <= json::PlainNumber::kDigitsMax &&
                    dot + decimals <= static_cast<std::size_t>(kLeadingDigits) &&
                    dot + 1 + json::PlainNumber::kDigitsMax <= json::PlainNumber::kReadBytes;
  if (!fits) {
    std::optional<Decimal> parsed = Parse(text);
    if (parsed) parsed->is_plain_ = true;
    return parsed;
  }
  Decimal number;
  number.is_plain_ = true;
  number.leading_ = json::PlainNumber::Convert(text.data(), dot);
  if (decimals != 0) {
    number.leading_ = number.leading_ * PowerOfTen(static_cast<std::int64_t>(decimals)) +
                      json::PlainNumber::Convert(text.data() + dot + 1, decimals);
    number.exponent_ = -static_cast<std::int64_t>(decimals);
  }
  number.mantissa_ = text;
  return number;
}

bool Decimal::is_whole() const noexcept {
  if (leading_ == 0) return true;
  if (has_more_) {
    const Digits digits(mantissa_, written_exponent_);
    return digits.count <= digits.magnitude;
  }
  if (exponent_ >= 0) return true;
  return exponent_ > -kLeadingDigits - 1 && leading_ % PowerOfTen(-exponent_) == 0;
}

std::int64_t Decimal::Scaled(int places) const noexcept {
  const std::int64_t shift = exponent_ + places;
  std::uint64_t value = 0;
  if (leading_ == 0 || shift < -kLeadingDigits) return 0;
  if (shift < 0) {
    const std::uint64_t unit = PowerOfTen(-shift);
    value = leading_ / unit;
    if (leading_ % unit >= unit / 2) ++value;  // digits beyond the 19th cannot reach the half
  } else if (shift < kLeadingDigits && leading_ <= kScaledEnd / PowerOfTen(shift)) {
    value = leading_ * PowerOfTen(shift);
  } else {
    value = kScaledEnd;
  }
  const std::int64_t result = value >= kScaledEnd ? kSaturated : static_cast<std::int64_t>(value);
  return negative_ ? -result : result;
}

std::size_t Decimal::WritePlain(char* out) const noexcept {
  constexpr std::int64_t kWhole = 9;  // one more than the digits of 10^8, for the carry
  constexpr std::int64_t kPlaces = kPlainDecimals;
  // Most are written so already: with decimals, and without zeros at the end.
  if (is_plain_ && mantissa_.size() <= kPlainDecimals && mantissa_.back() != '0' &&
      mantissa_.contains('.')) {
    return mantissa_.copy(out, kPlainBytesMax);
  }
  const Digits number(mantissa_, written_exponent_);
  const std::int64_t kept = number.magnitude + kPlaces;  // further digits are rounded away
  if (number.count == 0 || kept < 0) return 0;
  std::array<char, kWhole + kPlaces> digits;
  digits.fill('0');
  char* const begin = digits.data() + kWhole - number.magnitude;
  const std::int64_t written = std::min(kept, number.count);
  for (std::int64_t i = 0; i < written; ++i) begin[i] = static_cast<char>('0' + number[i]);
  if (number[kept] >= 5) {
    char* digit = &digits.back();
    for (; *digit == '9'; --digit) *digit = '0';
    ++*digit;
  }
  const char* const point = digits.data() + kWhole;
  const char* first = std::min<const char*>(begin - 1, point - 1);  // where a carry can be
  const char* last = std::min<const char*>(begin + written, digits.data() + digits.size());
  while (first != point - 1 && *first == '0') ++first;
  while (last > point && last[-1] == '0') --last;
  last = std::max(last, point);
  if (last == point && point[-1] == '0' && first == point - 1) return 0;  // rounded to nothing

  char* at = out;
  if (negative_) *at++ = '-';
  at = std::copy(first, point, at);
  if (last != point) {
    *at++ = '.';
    at = std::copy(point, last, at);
  }
  return static_cast<std::size_t>(at - out);
}

}  // namespace usage_ingest::event
