#include "ingest/event/cost_split.h"

#include <algorithm>
#include <cstdlib>

namespace usage_ingest::event {
namespace {

// Costs in units of 10^-12: exact enough for millionths of a scaled part.
constexpr int kPartPlaces = 12;
struct CostParts {
  std::int64_t total;
  std::int64_t input;   // not negative
  std::int64_t output;  // not negative

  // LiteLLM adds up in binary, so the sum is exact only to about 16 digits.
  [[nodiscard]] bool add_up() const {
    constexpr std::int64_t kTolerance = 1'000;  // 10^-9
    return std::abs(total - input - output) < kTolerance;
  }
  // total * output / (input + output) in millionths, half away from zero.
  [[nodiscard]] std::int64_t scaled_output() const {
    __extension__ using Wide = __int128;
    const Wide sum = (Wide{input} + output) * 1'000'000;
    if (sum == 0) return 0;
    return static_cast<std::int64_t>((Wide{total} * output + sum / 2) / sum);
  }
};

}  // namespace

std::int64_t OutputMicros(const Decimal& cost, const NumberField& input,
                          const NumberField& output) {
  const std::int64_t total = cost.Scaled(6);
  if (total == 0 || output.state != NumberField::State::kNumber) return 0;
  const CostParts parts = {.total = cost.Scaled(kPartPlaces),
                           .input = std::max<std::int64_t>(0, input.value.Scaled(kPartPlaces)),
                           .output = std::max<std::int64_t>(0, output.value.Scaled(kPartPlaces))};
  if (input.state != NumberField::State::kNumber || parts.add_up()) {
    return std::clamp<std::int64_t>(output.value.Scaled(6), 0, total);
  }
  return parts.scaled_output();
}

}  // namespace usage_ingest::event
