#pragma once
// LaneFeeder: pushes records into the lanes' queues, and holds one back when a queue is full.
//
// Owner         the consumer thread. Time is an argument.
// Limit         one record held back (INV-6).
#include <optional>
#include <vector>

#include "ingest/kafka/consumer/back_pressure.h"
#include "ingest/pipeline/lane_queue.h"

namespace usage_ingest::kafka::consumer {

class LaneFeeder {
 public:
  using TimePoint = BackPressure::TimePoint;

  explicit LaneFeeder(std::vector<pipeline::LaneQueue::Producer> lanes);

  // For control records, which a queue never refuses.
  void PushControl(std::size_t lane, pipeline::Record record);
  // Holds the record back when the queue is full. REQUIRES: nothing is held back.
  void Push(std::size_t lane, pipeline::Record record);
  // Pushes the held-back record again, and says what to do next.
  [[nodiscard]] BackPressure::Action Retry(TimePoint now);
  // The epoch is over: drops the held-back record; nothing is paused.
  void Reset();

  [[nodiscard]] bool has_held_back() const { return held_back_.has_value(); }
  [[nodiscard]] bool is_paused() const { return back_pressure_.is_paused(); }
  [[nodiscard]] std::size_t lanes() const { return lanes_.size(); }

 private:
  std::vector<pipeline::LaneQueue::Producer> lanes_;
  std::optional<pipeline::Record> held_back_;
  std::size_t held_back_lane_ = 0;
  BackPressure back_pressure_;
};

}  // namespace usage_ingest::kafka::consumer
