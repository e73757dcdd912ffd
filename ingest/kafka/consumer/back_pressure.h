#pragma once
// BackPressure: what the consumer does while a lane takes no more (INV-6).
//
// A full queue is normal whenever Kafka is faster than PostgreSQL: then not polling for a moment
// costs nothing. Pausing does cost: librdkafka 2.0.2 throws its prefetch away with it. But a
// consumer that does not poll at all is thrown out of its group after max.poll.interval.ms. So: do
// not poll for up to limits::kFullQueueWaitMax, then pause once and go on polling until there is
// room again.
//
// Owner         the consumer thread. Time is an argument.
#include <chrono>
#include <optional>

namespace usage_ingest::kafka::consumer {

class BackPressure {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  enum class Do : unsigned char {
    kNothing,  // go on as before
    kNap,      // do not poll, try again in a moment
    kPause,    // pause all partitions, then poll
    kPoll,     // everything is paused: poll, so that the group knows that we live
    kResume,   // resume all partitions
  };

  // A record was refused and is held back.
  [[nodiscard]] Do OnRefused(TimePoint now);
  // Nothing is held back; `is_below_half`: of every queue.
  [[nodiscard]] Do OnAccepted(bool is_below_half);
  // The partitions that were paused are not ours any more.
  void Reset();
  [[nodiscard]] bool is_paused() const { return is_paused_; }

 private:
  std::optional<TimePoint> full_since_;
  bool is_paused_ = false;
};

}  // namespace usage_ingest::kafka::consumer
