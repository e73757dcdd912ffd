#pragma once
// Random: a small generator that is cheap to seed again for every event.
//
// Each event draws from a generator of its own, seeded by (seed, event number): any thread can make
// any event in any order, twice if needed, and it comes out the same.
//
// Source        SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators",
//               OOPSLA 2014.
#include <cstdint>

namespace usage_ingest::load {

class Random {
 public:
  explicit constexpr Random(std::uint64_t seed, std::uint64_t stream = 0)
      : state_(seed ^ (stream * 0x9e3779b97f4a7c15ULL)) {
    state_ = Next();
  }

  constexpr std::uint64_t Next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  // [0, end); the bias of the multiplication is below 2^-32 here.
  constexpr std::uint32_t Below(std::uint32_t end) {
    return static_cast<std::uint32_t>(((Next() >> 32) * end) >> 32);
  }
  // [0, 1)
  constexpr double Unit() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace usage_ingest::load
