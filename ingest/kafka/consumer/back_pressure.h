#pragma once
// BackPressure: what the consumer does while a lane's queue is full (INV-6).
//
// A full queue is normal when Kafka is faster than PostgreSQL; not polling for a moment costs
// nothing. Pausing is expensive, because librdkafka then discards its prefetched records. But a
// consumer that does not poll is removed from its group after max.poll.interval.ms. So: do not poll
// for up to limits::kFullQueueWaitMax, then pause once and continue polling until there is room.
//
// Owner         the consumer thread. Time is an argument.
#include <chrono>
#include <optional>

namespace usage_ingest::kafka::consumer {

class BackPressure {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  enum class Action : unsigned char {
    kContinue,  // poll as before
    kWait,      // do not poll, try again in a moment
    kPause,     // pause all partitions, then poll
    kPoll,      // all partitions are paused: poll, to stay in the group
    kResume,    // resume all partitions
  };

  // A record was refused and is held back.
  [[nodiscard]] Action OnRefused(TimePoint now);
  // Nothing is held back. `is_below_half`: every queue is.
  [[nodiscard]] Action OnAccepted(bool is_below_half);
  // The epoch is over: nothing is held back or paused.
  void Reset();
  [[nodiscard]] bool is_paused() const { return is_paused_; }

 private:
  std::optional<TimePoint> full_since_;
  bool is_paused_ = false;
};

}  // namespace usage_ingest::kafka::consumer
