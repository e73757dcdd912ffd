#pragma once
// LaneFixture: a real lane on one thread, with a queue that the test fills.
//
// Nothing moves but in Run(), which ends when everybody waits. The store and the telemetry are the
// test's; a derived class says StartLane in its constructor and StopLane in its destructor, while
// both are there.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <utility>

#include "ingest/pipeline/lane.h"

namespace usage_ingest::pipeline {

// The system's time, put forward by the test.
class AdvancedClock final : public Clock {
 public:
  [[nodiscard]] TimePoint Now() const override { return system_.Now() + ahead; }
  [[nodiscard]] EventTimeUs WallNow() const override { return system_.WallNow(); }
  void Arm(boost::asio::steady_timer& timer, TimePoint deadline) override {
    system_.Arm(timer, deadline - ahead);
  }
  void Disarm(boost::asio::steady_timer& timer) override { system_.Disarm(timer); }

  std::chrono::milliseconds ahead{0};

 private:
  SystemClock system_;
};

class LaneFixture : public ::testing::Test {
 protected:
  void StartLane(LaneOptions options, BatchStore& store, TelemetrySink& telemetry) {
    lane_.emplace(std::move(options), queue_.MakeConsumer(),
                  LaneDependencies{store, telemetry, inbox_, epoch_}, runtime_);
    boost::asio::co_spawn(context_, lane_->Run(), boost::asio::detached);
  }
  void StopLane() {
    lane_->Stop();
    Run();
  }
  // A record of the present epoch.
  [[nodiscard]] Record RecordAt(Record::Kind kind, std::int64_t offset) const {
    Record record;
    record.kind = kind;
    record.source = &source_;
    record.epoch = Epoch{epoch_};
    record.offset = Offset{offset};
    return record;
  }
  // The partition is ours from `offset` on.
  void BeginEpoch(std::uint64_t number, std::int64_t offset) {
    epoch_ = number;
    Record start = RecordAt(Record::Kind::kStart, offset);
    ASSERT_TRUE(producer_.TryPush(start));
  }
  // Until everybody waits.
  void Run() {
    context_.restart();
    context_.poll();
  }

  const TopicPartition source_{"t", PartitionId{0}};
  boost::asio::io_context context_{1};
  AdvancedClock clock_;
  Runtime runtime_{context_.get_executor(), clock_};
  ConsumerInbox inbox_;
  std::atomic<std::uint64_t> epoch_{0};
  LaneQueue queue_{{.records_max = 64, .bytes_max = 1 << 20}, [this] { lane_->Wake(); }};
  std::optional<Lane> lane_;
  LaneQueue::Producer producer_ = queue_.MakeProducer();
};

}  // namespace usage_ingest::pipeline
