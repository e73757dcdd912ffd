#include "ingest/kafka/consumer/lag_sampler.h"

#include <algorithm>

namespace usage_ingest::kafka::consumer {

void LagSampler::Add(Offset offset, std::int64_t timestamp_ms) {
  if (samples_.empty()) {
    keep_each_ = 1;
    offered_ = 0;
  }
  if (offered_++ % keep_each_ != 0) return;
  if (samples_.size() >= kSamplesMax) {
    // Every second one goes; the first stays, since it is the oldest.
    std::size_t kept = 0;
    for (std::size_t i = 0; i < samples_.size(); i += 2) samples_[kept++] = samples_[i];
    samples_.resize(kept);
    keep_each_ *= 2;
  }
  samples_.push_back({offset, timestamp_ms});
}

void LagSampler::Forget(Offset next) {
  // The last sample at or below `next` stays: it stands for the records up to the next sample.
  const auto above = std::ranges::upper_bound(samples_, next, {}, &Sample::offset);
  if (above == samples_.begin()) return;
  samples_.erase(samples_.begin(), above - 1);
  if (samples_.size() < kSamplesMax / 4) keep_each_ = std::max<std::size_t>(1, keep_each_ / 2);
}

std::int64_t LagSampler::Oldest(Offset committed, Offset position) const {
  if (position <= committed || samples_.empty()) return 0;
  return samples_.front().timestamp_ms;
}

}  // namespace usage_ingest::kafka::consumer
