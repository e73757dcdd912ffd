#pragma once
// Zipf: draws ranks 0..n-1 with probability proportional to 1 / (rank + 1)^exponent.
//
// Usage is never even: a few subscriptions make most of the requests, and that is what a roll-up
// gains from and what a row lock suffers from.
//
// Shape         Walker's alias table: one draw is one look-up, whatever n is.
// Source        M. D. Vose, "A linear algorithm for generating random numbers with a given
//               distribution", IEEE TSE 17(9), 1991.
#include <cstdint>
#include <vector>

#include "bench/load/random.h"

namespace usage_ingest::load {

class Zipf {
 public:
  Zipf(std::uint32_t count, double exponent);
  [[nodiscard]] std::uint32_t Draw(Random& random) const {
    const std::uint32_t column = random.Below(static_cast<std::uint32_t>(columns_.size()));
    const Column& it = columns_[column];
    return random.Unit() < it.keep ? column : it.alias;
  }

 private:
  struct Column {
    double keep;
    std::uint32_t alias;
  };
  std::vector<Column> columns_;
};

}  // namespace usage_ingest::load
