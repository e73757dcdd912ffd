#pragma once
// PhaseTimes: the mean time that a batch spent in each phase, over the last Series::kSamples
// samples.
//
// Thread-safety none; its owner's lock.
// Units         seconds; std::nullopt: no batch was committed in that time.
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include "daemon/telemetry/series.h"
#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::telemetry {

class PhaseTimes {
 public:
  using Means = std::array<std::optional<double>, pipeline::kPhaseNames.size()>;

  void Add(const pipeline::BatchCommitted& batch) {
    for (std::size_t i = 0; i < seconds_.size(); ++i) {
      seconds_[i] += std::chrono::duration<double>(batch.phase_time[i]).count();
    }
    ++batches_;
  }
  void Sample() {
    for (std::size_t i = 0; i < seconds_.size(); ++i) {
      samples_[i].Add(std::exchange(seconds_[i], 0));
    }
    batch_samples_.Add(std::exchange(batches_, 0));
  }
  [[nodiscard]] Means MeanSeconds() const {
    Means means;
    const double batches = batch_samples_.Mean(Series::kSamples);
    for (std::size_t i = 0; batches > 0 && i < means.size(); ++i) {
      means[i] = samples_[i].Mean(Series::kSamples) / batches;
    }
    return means;
  }

 private:
  std::array<double, pipeline::kPhaseNames.size()> seconds_{};  // since the last sample
  double batches_ = 0;
  std::array<Series, pipeline::kPhaseNames.size()> samples_;
  Series batch_samples_;
};

}  // namespace usage_ingest::telemetry
