#pragma once
// Random: the only source of chance in a simulation, so that a seed is a whole run.
//
// Not <random>: its distributions differ between standard libraries, and a found seed must mean the
// same run everywhere.
//
// Source        Vigna, "SplitMix64" (public domain): any seed is a good one.
#include <cstddef>
#include <cstdint>
#include <span>

namespace usage_ingest::sim {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15 + 1) {}

  std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // [0, end); 0 when `end` is 0. The bias of the remainder does no harm here.
  std::size_t Below(std::size_t end) { return end == 0 ? 0 : Next() % end; }
  // [first, last]
  std::int64_t Between(std::int64_t first, std::int64_t last) {
    return first + static_cast<std::int64_t>(Below(static_cast<std::size_t>(last - first + 1)));
  }
  bool PerThousand(std::size_t chances) { return Below(1000) < chances; }
  template <class T>
  T& Pick(std::span<T> items) {
    return items[Below(items.size())];
  }

 private:
  std::uint64_t state_;
};

}  // namespace usage_ingest::sim
