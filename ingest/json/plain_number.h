#pragma once
// PlainNumber: numbers of the usual kind, "12", "0.0" or "1795365287.721971", without loops.
//
// A third of an event's values are numbers, and a loop over digits ends in a mispredicted branch.
// What is not plain (a sign, an exponent, many digits) is left to the functions that handle
// everything: ClassifyScalar and Decimal::Parse.
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string_view>
#if defined(__SSE2__)  // part of x86-64
#include <emmintrin.h>
#endif

namespace usage_ingest::json {

inline constexpr auto kPowersOfTen = [] {
  std::array<std::uint64_t, 20> powers{};
  powers[0] = 1;
  for (std::size_t i = 1; i < powers.size(); ++i) powers[i] = powers[i - 1] * 10;
  return powers;
}();

// Instead of a whole number where there is none. Not std::optional, which GCC 12 writes to memory
// in pieces and reads as one: that is waited for (20 ns of an event's 940, perf annotate).
inline constexpr std::int64_t kNoNumber = std::numeric_limits<std::int64_t>::min();

class PlainNumber {
 public:
  // This many bytes are read at `begin`, whatever the length of the number.
  static constexpr std::size_t kReadBytes = 32;
  // Instead of where the dot is: the token is no plain number, or too near to `limit` (the end of
  // the readable text) to be looked at.
  static constexpr std::uint8_t kNone = 0;

  // Where the dot is in the number that is all of the token.
  [[nodiscard]] static std::uint8_t FindDot(const char* begin, const char* end, const char* limit);
  // The number times 10^places, when that is a whole number of at most 18 digits and easily had;
  // else kNoNumber. REQUIRES: `dot` is what FindDot said of the token.
  [[nodiscard]] static std::int64_t Scaled(std::string_view token, std::size_t dot,
                                           std::size_t places);

  // At most this many digits on either side of the dot can be converted.
  static constexpr std::size_t kDigitsMax = 16;
  // The digits at `begin` as a number. REQUIRES: 1 <= count <= kDigitsMax, 16 bytes can be read.
  [[nodiscard]] static std::uint64_t Convert(const char* begin, std::size_t count);

 private:
  [[nodiscard]] static std::uint64_t ConvertEight(const char* begin, std::size_t count);
};

inline std::uint8_t PlainNumber::FindDot([[maybe_unused]] const char* begin,
                                         [[maybe_unused]] const char* end,
                                         [[maybe_unused]] const char* limit) {
#if defined(__SSE2__)
  constexpr std::size_t kVector = sizeof(__m128i);
  if (limit - begin < static_cast<std::ptrdiff_t>(kReadBytes)) return kNone;
  // The bytes that are no digits.
  const auto look = [begin](std::size_t at) {
    const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(begin + at));
    // Moved so that the digits are the ten smallest signed numbers.
    const auto moved = _mm_add_epi8(bytes, _mm_set1_epi8(static_cast<char>(-128 - '0')));
    const auto others = _mm_cmpgt_epi8(moved, _mm_set1_epi8(-128 + 9));
    return static_cast<std::uint32_t>(_mm_movemask_epi8(others));
  };
  constexpr std::uint32_t kLast = std::uint32_t{1} << (kReadBytes - 1);
  const std::uint32_t others = look(0) | look(kVector) << kVector | kLast;  // it ends there at last
  const auto first = static_cast<std::uint8_t>(std::countr_zero(others));
  const bool has_dot = begin[first] == '.';
  const std::uint32_t behind = has_dot ? others & (others - 1) : others;
  if (behind == 0 || std::countr_zero(behind) != end - begin) return kNone;
  // 0 is plain, and 0.5; 05 is not.
  const bool has_whole = first == 1 || (first != 0 && *begin != '0');
  const bool has_decimals = !has_dot || end - begin > first + 1;
  return has_whole && has_decimals ? first : kNone;
#else
  return kNone;
#endif
}

// Eight digits in three multiplications: neighbours are joined to pairs, pairs to fours, fours to
// one.
inline std::uint64_t PlainNumber::ConvertEight(const char* begin, std::size_t count) {
  std::uint64_t digits = 0;
  std::memcpy(&digits, begin, sizeof digits);
  if constexpr (std::endian::native == std::endian::big) digits = __builtin_bswap64(digits);
  digits = digits << (64 - 8 * count) & 0x0F0F0F0F0F0F0F0F;  // zeros come in where none were
  digits = (digits * 10 + (digits >> 8)) & 0x00FF00FF00FF00FF;
  digits = (digits * 100 + (digits >> 16)) & 0x0000FFFF0000FFFF;
  return (digits * 10'000 + (digits >> 32)) & 0xFFFFFFFF;
}

inline std::uint64_t PlainNumber::Convert(const char* begin, std::size_t count) {
  if (count <= 8) return ConvertEight(begin, count);
  return ConvertEight(begin, count - 8) * 100'000'000 + ConvertEight(begin + count - 8, 8);
}

inline std::int64_t PlainNumber::Scaled(std::string_view token, std::size_t dot,
                                        std::size_t places) {
  constexpr std::size_t kDigits = 18;
  const std::size_t decimals = dot == token.size() ? 0 : token.size() - dot - 1;
  if (decimals > places || dot + places > kDigits || dot >= kDigitsMax) return kNoNumber;
  std::uint64_t value = Convert(token.data(), dot) * kPowersOfTen[places];
  if (decimals != 0) {
    value += Convert(token.data() + dot + 1, decimals) * kPowersOfTen[places - decimals];
  }
  return static_cast<std::int64_t>(value);
}

}  // namespace usage_ingest::json
