#include "ingest/event/json_kernel.h"

#include "schema/check.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include <algorithm>
#include <bit>

#if !defined(__clang__)
// GCC bug 105593: it finds its own intrinsics uninitialised.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

// For single functions rather than by flags for the file: with those, what the linker keeps of an
// inline function of a header could be the copy that other machines cannot run.
#define AVX512 \
  __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,bmi,bmi2,pclmul,popcnt")))
#define AVX512_INLINE AVX512 __attribute__((always_inline)) inline

namespace usage_ingest::ingest {
namespace {

constexpr std::size_t kBlock = 64;
constexpr std::size_t kQuarter = 16;    // as many offsets fill a vector
constexpr std::size_t kEscapeMore = 5;  // bytes of \u1234 behind its backslash

// Bit i: whether an odd number of the bits 0 to i are set.
AVX512_INLINE std::uint64_t PrefixXor(std::uint64_t bits) {
  const __m128i ones = _mm_set1_epi8(-1);
  const __m128i product =
      _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(bits)), ones, 0);
  return static_cast<std::uint64_t>(_mm_cvtsi128_si64(product));
}

AVX512_INLINE __m512i FourTimes(__m128i bytes) { return _mm512_broadcast_i32x4(bytes); }

class Scanner {
 public:
  AVX512_INLINE Scanner(std::size_t size, JsonTokens tokens)
      : size_(size), first_kind_(tokens.kinds), tokens_(tokens) {}

  AVX512_INLINE void Take(__m512i bytes, std::size_t at) {
    std::uint64_t quotes = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('"'));
    // Control characters, and as signed numbers everything that is not ASCII.
    const __mmask64 below = _mm512_cmplt_epi8_mask(bytes, _mm512_set1_epi8(' '));
    const __mmask64 backslashes = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\\'));
    const bool is_rare = !_kortestz_mask64_u8(below, backslashes) || escaped_ != 0;
    if (is_rare) [[unlikely]]
      quotes &= ~TakeEscapes(backslashes, at);
    const std::uint64_t strings = PrefixXor(quotes) ^ in_string_;  // without the closing quotes
    in_string_ = static_cast<std::uint64_t>(static_cast<std::int64_t>(strings) >> 63);
    if (is_rare) [[unlikely]] {
      const std::uint64_t others = _mm512_movepi8_mask(bytes);
      not_ascii_ |= others;
      controls_ |= strings & below & ~others;
    }
    Store(bytes, Begins(bytes, quotes) & ~(strings ^ quotes));
  }

  AVX512_INLINE JsonScan End() const {
    return {.tokens = static_cast<std::size_t>(tokens_.kinds - first_kind_),
            .are_strings_valid = in_string_ == 0 && controls_ == 0,
            .is_utf8 = not_ascii_ == 0,
            .escapes_begin = escapes_begin_,
            .escapes_end = escapes_end_};
  }

 private:
  // Where tokens begin, but for what is inside strings.
  AVX512_INLINE std::uint64_t Begins(__m512i bytes, std::uint64_t quotes) {
    // Indexed by a byte's low four bits; -1 is equal to no byte of ASCII.
    const __m512i operators = FourTimes(
        _mm_setr_epi8(-1, -1, -1, -1, -1, -1, -1, -1, -1, -1, ':', '{', ',', '}', -1, -1));
    const __m512i blanks = FourTimes(
        _mm_setr_epi8(' ', -1, -1, -1, -1, -1, -1, -1, -1, '\t', '\n', -1, -1, '\r', -1, -1));
    // With this bit, [ and ] become { and }.
    const __m512i upper = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
    const std::uint64_t is_operator =
        _mm512_cmpeq_epi8_mask(upper, _mm512_shuffle_epi8(operators, bytes));
    const std::uint64_t is_blank =
        _mm512_cmpeq_epi8_mask(bytes, _mm512_shuffle_epi8(blanks, bytes));
    const std::uint64_t is_other = ~(is_operator | is_blank);
    const std::uint64_t is_scalar = is_other & ~quotes;
    const std::uint64_t begins = is_operator | (is_other & ~(is_scalar << 1 | in_scalar_));
    in_scalar_ = is_scalar >> 63;
    return begins;
  }

  AVX512_INLINE void Store(__m512i bytes, std::uint64_t begins) {
    const __m512i places = _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41,
        40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18,
        17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i kinds = _mm512_maskz_compress_epi8(begins, bytes);
    const __m512i begin_places = _mm512_maskz_compress_epi8(begins, places);
    const auto count = static_cast<std::size_t>(std::popcount(begins));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(tokens_.kinds), _mm512_castsi512_si128(kinds));
    StoreQuarter<0>(begin_places);
    if (count > kQuarter) [[unlikely]] {
      _mm512_storeu_si512(tokens_.kinds, kinds);
      StoreQuarter<1>(begin_places);
      StoreQuarter<2>(begin_places);
      StoreQuarter<3>(begin_places);
    }
    tokens_.kinds += count;
    tokens_.offsets += count;
    base_ = _mm512_add_epi32(base_, _mm512_set1_epi32(kBlock));
  }
  template <int kWhich>
  AVX512_INLINE void StoreQuarter(__m512i places) {
    const __m512i wide = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(places, kWhich));
    _mm512_storeu_si512(tokens_.offsets + kWhich * kQuarter, _mm512_add_epi32(wide, base_));
  }

  // The characters that backslashes escape.
  std::uint64_t TakeEscapes(std::uint64_t backslashes, std::size_t at) {
    if ((backslashes | escaped_) == 0) return 0;
    if (escapes_end_ == 0) escapes_begin_ = at;
    escapes_end_ = std::min(at + kBlock + kEscapeMore, size_);
    std::uint64_t escaped = escaped_;
    backslashes &= ~escaped;
    escaped_ = 0;
    while (backslashes != 0) {
      const std::uint64_t first = backslashes & -backslashes;
      escaped_ = first >> 63;
      escaped |= first << 1;
      backslashes &= ~(first | first << 1);
    }
    return escaped;
  }

  const std::size_t size_;
  const char* const first_kind_;
  JsonTokens tokens_;
  __m512i base_ = _mm512_setzero_si512();  // the offset of the block, 16 times
  // What the block before ended in: all ones in a string; 1 in a scalar, with a backslash that
  // escapes.
  std::uint64_t in_string_ = 0;
  std::uint64_t in_scalar_ = 0;
  std::uint64_t escaped_ = 0;
  std::uint64_t controls_ = 0;  // in strings
  std::uint64_t not_ascii_ = 0;
  std::size_t escapes_begin_ = 0;
  std::size_t escapes_end_ = 0;
};

}  // namespace

bool HasAvx512() {
  return __builtin_cpu_supports("avx512bw") != 0 && __builtin_cpu_supports("avx512vl") != 0 &&
         __builtin_cpu_supports("avx512vbmi2") != 0 && __builtin_cpu_supports("bmi2") != 0 &&
         __builtin_cpu_supports("pclmul") != 0;
}

AVX512 JsonScan ScanAvx512(std::string_view text, JsonTokens tokens) {
  Scanner scanner(text.size(), tokens);
  std::size_t at = 0;
  for (; at + kBlock <= text.size(); at += kBlock) {
    scanner.Take(_mm512_loadu_si512(text.data() + at), at);
  }
  if (at != text.size()) {
    const __mmask64 left = (std::uint64_t{1} << (text.size() - at)) - 1;
    const __m512i spaces = _mm512_set1_epi8(' ');
    scanner.Take(_mm512_mask_loadu_epi8(spaces, left, text.data() + at), at);
  }
  return scanner.End();
}

}  // namespace usage_ingest::ingest

#else

namespace usage_ingest::ingest {

bool HasAvx512() { return false; }
JsonScan ScanAvx512(std::string_view, JsonTokens) {
  USAGE_INGEST_CHECK(false);
  return {};
}

}  // namespace usage_ingest::ingest

#endif
