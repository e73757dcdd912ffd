#include "ingest/kafka/consumer/lane_feeder.h"

#include <gtest/gtest.h>

#include <array>

#include "schema/limits.h"

namespace usage_ingest::kafka::consumer {
namespace {

using namespace std::chrono_literals;
using Action = BackPressure::Action;

constexpr LaneFeeder::TimePoint kStart{100s};
const TopicPartition kSource{"t", PartitionId{0}};

class LaneFeederTest : public ::testing::Test {
 protected:
  static std::vector<pipeline::LaneQueue::Producer> Producers(pipeline::LaneQueue& queue) {
    std::vector<pipeline::LaneQueue::Producer> producers;
    producers.push_back(queue.MakeProducer());
    return producers;
  }
  static pipeline::Record MakeTestRecord(std::int64_t offset) {
    pipeline::Record record;
    record.source = &kSource;
    record.offset = Offset{offset};
    return record;
  }
  void Fill() {
    for (std::int64_t offset = 0; !feeder_.has_held_back(); ++offset) {
      feeder_.Push(0, MakeTestRecord(offset));
    }
  }
  std::size_t PopAll() {
    std::array<pipeline::Record, 16> records;
    return consumer_.Pop(records);
  }

  pipeline::LaneQueue queue_{{.records_max = 4, .bytes_max = std::size_t{1} << 20}, [] {}};
  LaneFeeder feeder_{Producers(queue_)};
  pipeline::LaneQueue::Consumer consumer_ = queue_.MakeConsumer();
};

TEST_F(LaneFeederTest, HoldsOneRecordBackWhenTheQueueIsFull) {
  Fill();
  EXPECT_EQ(feeder_.Retry(kStart), Action::kWait);
  EXPECT_EQ(PopAll(), 4U);
  EXPECT_EQ(feeder_.Retry(kStart), Action::kContinue);
  EXPECT_FALSE(feeder_.has_held_back());
  EXPECT_EQ(PopAll(), 1U) << "the record that was held back";
}

TEST_F(LaneFeederTest, PausesWhenTheQueueStaysFullAndResumesBelowHalf) {
  Fill();
  EXPECT_EQ(feeder_.Retry(kStart), Action::kWait);
  EXPECT_EQ(feeder_.Retry(kStart + limits::kFullQueueWaitMax), Action::kPause);
  EXPECT_TRUE(feeder_.is_paused());
  EXPECT_EQ(PopAll(), 4U);
  EXPECT_EQ(feeder_.Retry(kStart + 1h), Action::kResume);
  EXPECT_FALSE(feeder_.is_paused());
}

TEST_F(LaneFeederTest, ResetDropsTheHeldBackRecordAndThePause) {
  Fill();
  EXPECT_EQ(feeder_.Retry(kStart), Action::kWait);
  EXPECT_EQ(feeder_.Retry(kStart + limits::kFullQueueWaitMax), Action::kPause);
  feeder_.Reset();
  EXPECT_FALSE(feeder_.has_held_back());
  EXPECT_FALSE(feeder_.is_paused());
  EXPECT_EQ(PopAll(), 4U);
  EXPECT_EQ(feeder_.Retry(kStart + 1h), Action::kContinue);
  EXPECT_EQ(PopAll(), 0U);
}

TEST_F(LaneFeederTest, AFullQueueTakesControlRecords) {
  Fill();
  pipeline::Record start = MakeTestRecord(0);
  start.kind = pipeline::Record::Kind::kStart;
  feeder_.PushControl(0, std::move(start));
  EXPECT_EQ(PopAll(), 5U);
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
