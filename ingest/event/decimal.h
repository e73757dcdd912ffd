#pragma once
// Decimal: a number as it is written, for arithmetic that must not go through a double.
//
// It keeps the text and where its significant digits are; every operation costs at most the digits
// it needs, so an exponent of -16000 or 999999999 is as cheap as any other.
//
// Shape         a view of the text it was parsed from.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace usage_ingest::ingest {

class Decimal {
 public:
  // Results beyond it are cut to it: far outside every bound, and differences do not overflow.
  static constexpr std::int64_t kSaturated = std::int64_t{1} << 61;
  static constexpr std::size_t kPlainDecimals = 20;
  static constexpr std::size_t kPlainBytesMax = 32;

  // JSON's grammar, and what programs write as text: "+5", ".5", "5.", "007"; no blanks, no words.
  [[nodiscard]] static std::optional<Decimal> Parse(std::string_view text);

  [[nodiscard]] bool is_zero() const noexcept { return digits_ == 0; }
  [[nodiscard]] bool is_whole() const noexcept;
  // The value times 10^places, rounded half away from zero.
  [[nodiscard]] std::int64_t Scaled(int places) const noexcept;
  // Plain notation with at most kPlainDecimals decimals (rounded the same way, no zeros at the
  // end); "0" and "-0" are "". REQUIRES: |value| < 10^8, kPlainBytesMax bytes at `out`.
  [[nodiscard]] std::size_t WritePlain(char* out) const noexcept;

 private:
  // The i-th significant digit, 0 beyond the last.
  [[nodiscard]] int Digit(std::int64_t i) const noexcept;

  const char* text_ = nullptr;  // at the first significant digit
  std::int64_t digits_ = 0;     // how many, without zeros at either end; 0 is zero
  std::int64_t dot_ = 0;  // text_ has its '.' before this digit; digits_ when it is not inside
  std::int64_t magnitude_ = 0;  // the value is 0.d0d1d2... times 10^magnitude
  bool negative_ = false;
};

}  // namespace usage_ingest::ingest
