#include "bench/load/zipf.h"

#include <cmath>
#include <numeric>

#include "schema/check.h"

namespace usage_ingest::load {

Zipf::Zipf(std::uint32_t count, double exponent) {
  USAGE_INGEST_CHECK(count > 0);
  std::vector<double> weight(count);
  for (std::uint32_t rank = 0; rank < count; ++rank) weight[rank] = std::pow(rank + 1, -exponent);
  const double scale = count / std::accumulate(weight.begin(), weight.end(), 0.0);
  std::vector<std::uint32_t> small;
  std::vector<std::uint32_t> large;
  for (std::uint32_t rank = 0; rank < count; ++rank) {
    weight[rank] *= scale;
    (weight[rank] < 1.0 ? small : large).push_back(rank);
  }
  columns_.resize(count);
  while (!small.empty() && !large.empty()) {
    const std::uint32_t poor = small.back();
    const std::uint32_t rich = large.back();
    small.pop_back();
    columns_[poor] = {weight[poor], rich};
    weight[rich] -= 1.0 - weight[poor];
    if (weight[rich] >= 1.0) continue;
    large.pop_back();
    small.push_back(rich);
  }
  // What is left is 1 but for rounding.
  for (const auto& rest : {small, large}) {
    for (const std::uint32_t rank : rest) columns_[rank] = {1.0, rank};
  }
}

}  // namespace usage_ingest::load
