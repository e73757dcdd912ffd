#include "ingest/kafka/consumer/back_pressure.h"

#include "schema/limits.h"

namespace usage_ingest::kafka::consumer {

BackPressure::Action BackPressure::OnRefused(TimePoint now) {
  if (is_paused_) return Action::kPoll;
  if (!full_since_) full_since_ = now;
  if (now - *full_since_ < limits::kFullQueueWaitMax) return Action::kWait;
  is_paused_ = true;
  return Action::kPause;
}

BackPressure::Action BackPressure::OnAccepted(bool is_below_half) {
  full_since_.reset();
  if (!is_paused_) return Action::kContinue;
  if (!is_below_half) return Action::kPoll;
  is_paused_ = false;
  return Action::kResume;
}

void BackPressure::Reset() {
  full_since_.reset();
  is_paused_ = false;
}

}  // namespace usage_ingest::kafka::consumer
