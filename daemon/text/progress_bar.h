#pragma once
// ProgressBar: one line with rate and ETA on stderr, only where stderr is a terminal and only when
// the work takes longer than a second.
#include <chrono>
#include <cstdint>
#include <string>

namespace usage_ingest::text {

struct Progress {
  std::int64_t done = 0;
  std::int64_t total = 0;  // 0: unknown
  double seconds = 0;      // since the begin
};

// Share, rate and time left; `unit` is what is counted, in the plural.
[[nodiscard]] std::string ProgressLine(const Progress& progress, const std::string& unit);

class ProgressBar {
 public:
  // `unit` is what is counted, in the plural.
  explicit ProgressBar(std::string unit);
  ~ProgressBar();  // as Clear()
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  // `total` 0: unknown.
  void Update(std::int64_t done, std::int64_t total);
  // Takes the line away, so that a result can be printed in its place.
  void Clear();

 private:
  std::string unit_;
  bool is_terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point begin_;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace usage_ingest::text
