#pragma once
// Decimal: a number as it is written, for arithmetic that must not go through a double.
//
// The first 19 digits and an exponent, which is enough to round to 18 digits; the few
// results that need more digits read the text again. An exponent of -16000 or 999999999 is as cheap
// as any other.
//
// Shape         a view of the text it was parsed from.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace usage_ingest::event {

class Decimal {
 public:
  // Results beyond 10^18 are cut to it: far outside every bound, and differences do not overflow.
  static constexpr std::int64_t kSaturated = std::int64_t{1} << 61;
  static constexpr std::size_t kPlainDecimals = 20;
  static constexpr std::size_t kPlainBytesMax = 32;

  // JSON's grammar, and what programs write as text: "+5", ".5", "5.", "007"; no blanks, no words.
  [[nodiscard]] static std::optional<Decimal> Parse(std::string_view text);

  // What PlainNumber recognised, with its dot there. REQUIRES: 32 bytes can be read at text.data().
  [[nodiscard]] static std::optional<Decimal> FromPlain(std::string_view text, std::size_t dot);

  [[nodiscard]] bool is_whole() const noexcept;
  // The value times 10^places, rounded half away from zero.
  [[nodiscard]] std::int64_t Scaled(int places) const noexcept;
  // Plain notation with at most kPlainDecimals decimals (rounded the same way, no zeros at the
  // end); "0" and "-0" are "". REQUIRES: |value| < 10^8, kPlainBytesMax bytes at `out`.
  [[nodiscard]] std::size_t WritePlain(char* out) const noexcept;

 private:
  struct Digits;
  void TakeLeading(const Digits& digits) noexcept;

  std::uint64_t leading_ = 0;  // the value is this times 10^exponent_, but for digits beyond
  std::int64_t exponent_ = 0;  // the 19th; without those has_more_ is false
  std::string_view mantissa_;  // digits with at most one '.'
  std::int64_t written_exponent_ = 0;
  bool has_more_ = false;
  bool negative_ = false;
  bool is_plain_ = false;  // came from FromPlain
};

}  // namespace usage_ingest::event
