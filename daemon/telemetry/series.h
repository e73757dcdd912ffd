#pragma once
// Series: the last kSamples values, for a small plot.
#include <array>
#include <cstddef>
#include <vector>

namespace usage_ingest::telemetry {

class Series {
 public:
  static constexpr std::size_t kSamples = 90;  // three minutes of one each two seconds

  void Add(double value) {
    values_[next_] = static_cast<float>(value);
    next_ = (next_ + 1) % kSamples;
    if (size_ < kSamples) ++size_;
  }
  // Oldest first.
  [[nodiscard]] std::vector<float> Values() const {
    std::vector<float> values;
    values.reserve(size_);
    for (std::size_t i = 0; i < size_; ++i) {
      values.push_back(values_[(next_ + kSamples - size_ + i) % kSamples]);
    }
    return values;
  }
  // Over the newest `count` values; 0 when there are none.
  [[nodiscard]] double Mean(std::size_t count) const {
    count = count < size_ ? count : size_;
    double sum = 0;
    for (std::size_t i = 0; i < count; ++i) {
      sum += static_cast<double>(values_[(next_ + kSamples - 1 - i) % kSamples]);
    }
    return count == 0 ? 0 : sum / static_cast<double>(count);
  }

 private:
  std::array<float, kSamples> values_{};
  std::size_t next_ = 0;
  std::size_t size_ = 0;
};

}  // namespace usage_ingest::telemetry
