#include "ingest/kafka/consumer/lane_feeder.h"

#include <algorithm>
#include <utility>

#include "schema/check.h"

namespace usage_ingest::kafka::consumer {

LaneFeeder::LaneFeeder(std::vector<pipeline::LaneQueue::Producer> lanes)
    : lanes_(std::move(lanes)) {
  USAGE_INGEST_CHECK(!lanes_.empty());
}

void LaneFeeder::PushControl(std::size_t lane, pipeline::Record record) {
  USAGE_INGEST_CHECK(lanes_[lane].TryPush(record));
}

void LaneFeeder::Push(std::size_t lane, pipeline::Record record) {
  USAGE_INGEST_CHECK(!held_back_);
  if (lanes_[lane].TryPush(record)) return;
  held_back_ = std::move(record);
  held_back_lane_ = lane;
}

BackPressure::Action LaneFeeder::Retry(TimePoint now) {
  if (held_back_ && lanes_[held_back_lane_].TryPush(*held_back_)) held_back_.reset();
  if (held_back_) return back_pressure_.OnRefused(now);
  return back_pressure_.OnAccepted(
      std::ranges::all_of(lanes_, &pipeline::LaneQueue::Producer::is_below_half));
}

void LaneFeeder::Reset() {
  held_back_.reset();
  back_pressure_.Reset();
}

}  // namespace usage_ingest::kafka::consumer
