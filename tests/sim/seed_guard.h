#pragma once
// SeedGuard: says which seed was running when the process aborts (USAGE_INGEST_CHECK, a sanitizer).
//
// Owner         one at a time, around a simulation.
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace usage_ingest::sim {

class SeedGuard {
 public:
  explicit SeedGuard(std::uint64_t seed) {
    std::memcpy(text_.data(), "seed=", 5);
    char* const end = std::to_chars(text_.data() + 5, text_.data() + text_.size() - 1, seed).ptr;
    *end = '\n';
    length_ = static_cast<std::size_t>(end + 1 - text_.data());
    std::signal(SIGABRT, [](int) {
      // ignored because the process ends: write() is all that a signal handler may do
      [[maybe_unused]] const auto written = write(STDERR_FILENO, text_.data(), length_);
    });
  }
  ~SeedGuard() { std::signal(SIGABRT, SIG_DFL); }
  SeedGuard(const SeedGuard&) = delete;
  SeedGuard& operator=(const SeedGuard&) = delete;

 private:
  inline static std::array<char, 40> text_{};
  inline static std::size_t length_ = 0;
};

struct SeedRange {
  std::uint64_t first;
  std::uint64_t end;
};

// [first, first + count), or the one that SIM_SEED names.
inline SeedRange SeedsOf(std::uint64_t first, std::uint64_t count) {
  const char* const seed = std::getenv("SIM_SEED");
  if (seed == nullptr) return {first, first + count};
  const std::uint64_t only = std::strtoull(seed, nullptr, 10);
  return {only, only + 1};
}

}  // namespace usage_ingest::sim
