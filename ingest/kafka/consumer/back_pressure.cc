#include "ingest/kafka/consumer/back_pressure.h"

#include "schema/limits.h"

namespace usage_ingest::kafka::consumer {

BackPressure::Do BackPressure::OnRefused(TimePoint now) {
  if (is_paused_) return Do::kPoll;
  if (!full_since_) full_since_ = now;
  if (now - *full_since_ < limits::kFullQueueWaitMax) return Do::kNap;
  is_paused_ = true;
  return Do::kPause;
}

BackPressure::Do BackPressure::OnAccepted(bool is_below_half) {
  full_since_.reset();
  if (!is_paused_) return Do::kNothing;
  if (!is_below_half) return Do::kPoll;
  is_paused_ = false;
  return Do::kResume;
}

void BackPressure::Reset() {
  full_since_.reset();
  is_paused_ = false;
}

}  // namespace usage_ingest::kafka::consumer
