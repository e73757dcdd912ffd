#pragma once
// PlainNumber: numbers of the usual kind, "12", "0.0" or "1795365287.721971", without loops.
//
// A third of an event's values are numbers, and a loop over digits ends in a mispredicted branch.
// What is not plain (a sign, an exponent, many digits) takes the way that handles everything:
// ClassifyScalar and Decimal::Parse.
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__SSE2__)  // part of x86-64
#include <emmintrin.h>
#endif

namespace usage_ingest::ingest {

class PlainNumber {
 public:
  // So many bytes are read at `begin`, whatever the length of the number.
  static constexpr std::size_t kReadBytes = 32;
  // Instead of where the dot is: the token is no plain number, or too near to `limit` (the end of
  // the readable text) to be looked at.
  static constexpr std::uint8_t kNone = 0;

  // Where the dot is in the token: its length when there is none.
  [[nodiscard]] static std::uint8_t FindDot(const char* begin, const char* end, const char* limit);
  // At most this many digits on either side of the dot can be converted.
  static constexpr std::size_t kDigitsMax = 16;
  // The digits at `begin` as a number. REQUIRES: 1 <= count <= kDigitsMax, 16 bytes can be read.
  [[nodiscard]] static std::uint64_t Convert(const char* begin, std::size_t count);

 private:
  [[nodiscard]] static std::uint64_t ConvertEight(const char* begin, std::size_t count);
};

#if defined(__SSE2__)
inline std::uint8_t PlainNumber::FindDot(const char* begin, const char* end, const char* limit) {
  constexpr std::size_t kVector = sizeof(__m128i);
  const auto length = static_cast<std::size_t>(end - begin);
  if (length > kReadBytes || limit - begin < static_cast<std::ptrdiff_t>(kReadBytes)) return kNone;
  const auto digits = [begin](std::size_t at) -> std::uint64_t {
    // Moved so that the digits are the ten smallest signed numbers.
    const auto bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(begin + at));
    const auto moved = _mm_add_epi8(bytes, _mm_set1_epi8(static_cast<char>(-128 - '0')));
    const auto mask = _mm_movemask_epi8(_mm_cmplt_epi8(moved, _mm_set1_epi8(-128 + 10)));
    return static_cast<std::uint32_t>(mask);
  };
  const std::uint64_t all = (std::uint64_t{1} << length) - 1;
  const std::uint64_t others = ~(digits(0) | digits(kVector) << kVector) & all;
  const bool has_leading_zero = *begin == '0';
  if (others == 0) {
    return has_leading_zero && length != 1 ? kNone : static_cast<std::uint8_t>(length);
  }
  const auto dot = static_cast<std::size_t>(std::countr_zero(others));
  const bool is_plain = (others & (others - 1)) == 0 && begin[dot] == '.' && dot != 0 &&
                        dot + 1 != length && (!has_leading_zero || dot == 1);
  return is_plain ? static_cast<std::uint8_t>(dot) : kNone;
}
#else
inline std::uint8_t PlainNumber::FindDot(const char*, const char*, const char*) { return kNone; }
#endif

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

}  // namespace usage_ingest::ingest
