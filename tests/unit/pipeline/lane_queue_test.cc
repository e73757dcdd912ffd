#include "ingest/pipeline/lane_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

namespace usage_ingest::pipeline {
namespace {

Record Message(std::int64_t offset, std::string_view value = {}) {
  Record record;
  record.offset = Offset{offset};
  record.value = value;
  return record;
}

class LaneQueueTest : public ::testing::Test {
 protected:
  void Make(LaneQueue::Limits limits) {
    queue_ = std::make_unique<LaneQueue>(limits, [this] { ++wakes_; });
    producer_.emplace(queue_->MakeProducer());
    consumer_.emplace(queue_->MakeConsumer());
  }
  bool Push(Record record) { return producer_->TryPush(record); }
  std::size_t Pop(std::size_t max) {
    popped_.resize(max);
    return consumer_->Pop(popped_);
  }

  int wakes_ = 0;
  std::unique_ptr<LaneQueue> queue_;
  std::optional<LaneQueue::Producer> producer_;
  std::optional<LaneQueue::Consumer> consumer_;
  std::vector<Record> popped_;
};

TEST_F(LaneQueueTest, GivesRecordsBackInTheOrderTheyCame) {
  Make({.records_max = 1000, .bytes_max = 1 << 20});
  for (int i = 0; i < 700; ++i) ASSERT_TRUE(Push(Message(i)));
  EXPECT_EQ(queue_->records(), 700U);
  ASSERT_EQ(Pop(400), 400U);
  for (int i = 0; i < 400; ++i) ASSERT_EQ(popped_[static_cast<std::size_t>(i)].offset.value, i);
  ASSERT_EQ(Pop(400), 300U);
  EXPECT_EQ(popped_[299].offset.value, 699);
  EXPECT_EQ(queue_->records(), 0U);
  EXPECT_EQ(queue_->bytes(), 0U);
}

TEST_F(LaneQueueTest, RefusesAtTheRecordBoundAndLeavesTheRecordAsItWas) {
  Make({.records_max = 2, .bytes_max = 1 << 20});
  ASSERT_TRUE(Push(Message(1)));
  ASSERT_TRUE(Push(Message(2)));
  static int released = 0;
  released = 0;
  Record third = Message(3, "abc");
  third.Own(&released, [](void* handle) noexcept { ++*static_cast<int*>(handle); });
  EXPECT_FALSE(producer_->TryPush(third));
  EXPECT_EQ(third.offset.value, 3);
  EXPECT_EQ(third.value, "abc");
  EXPECT_EQ(released, 0);
  ASSERT_EQ(Pop(1), 1U);
  EXPECT_TRUE(producer_->TryPush(third));
}

TEST_F(LaneQueueTest, RefusesAtTheByteBound) {
  const std::string value(1000, 'x');
  const std::size_t one = Message(0, value).bytes();
  Make({.records_max = 100, .bytes_max = 3 * one});
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Push(Message(i, value)));
  EXPECT_EQ(queue_->bytes(), 3 * one);
  EXPECT_FALSE(Push(Message(3, value)));
  ASSERT_EQ(Pop(1), 1U);
  EXPECT_TRUE(Push(Message(3, value)));
}

TEST_F(LaneQueueTest, AcceptsOneRecordOfAnySizeWhenEmpty) {
  const std::string huge(4096, 'x');
  Make({.records_max = 10, .bytes_max = 100});
  ASSERT_TRUE(Push(Message(0, huge)));
  EXPECT_FALSE(Push(Message(1)));
  ASSERT_EQ(Pop(10), 1U);
  EXPECT_TRUE(Push(Message(1, huge)));
}

TEST_F(LaneQueueTest, NeverRefusesControlRecords) {
  Make({.records_max = 1, .bytes_max = 1});
  ASSERT_TRUE(Push(Message(0)));
  ASSERT_FALSE(Push(Message(1)));
  for (const auto kind : {Record::Kind::kStart, Record::Kind::kGap}) {
    Record control = Message(1);
    control.kind = kind;
    EXPECT_TRUE(producer_->TryPush(control));
  }
  ASSERT_EQ(Pop(10), 3U);
  EXPECT_EQ(popped_[2].kind, Record::Kind::kGap);
}

TEST_F(LaneQueueTest, WakesOnlyWhoSleeps) {
  Make({.records_max = 10, .bytes_max = 1 << 20});
  ASSERT_TRUE(Push(Message(0)));
  EXPECT_EQ(wakes_, 0);
  EXPECT_FALSE(consumer_->PrepareSleep()) << "a record is waiting";
  ASSERT_EQ(Pop(10), 1U);
  EXPECT_TRUE(consumer_->PrepareSleep());
  ASSERT_TRUE(Push(Message(1)));
  ASSERT_TRUE(Push(Message(2)));
  EXPECT_EQ(wakes_, 1);
}

TEST_F(LaneQueueTest, FreesWhatWasNotTaken) {
  static int released = 0;
  released = 0;
  Make({.records_max = 10, .bytes_max = 1 << 20});
  for (int i = 0; i < 5; ++i) {
    Record record = Message(i);
    record.Own(&released, [](void* handle) noexcept { ++*static_cast<int*>(handle); });
    ASSERT_TRUE(producer_->TryPush(record));
  }
  producer_.reset();
  consumer_.reset();
  queue_.reset();
  EXPECT_EQ(released, 5);
}

// Goal: no lost wake-up, no reordering, no lost record, bounds held. Method: a consumer that sleeps
// whenever it may, without a timeout, against a producer that keeps the queue near empty and near
// full in turns: a lost wake-up hangs the test. TSan checks the memory order.
TEST(LaneQueueThreadsTest, LosesNoRecordAndNoWakeUp) {
  constexpr std::int64_t kRecords = 300'000;
  constexpr LaneQueue::Limits kLimits{.records_max = 64, .bytes_max = 64 * 2048};
  std::counting_semaphore<> wakes{0};
  LaneQueue queue(kLimits, [&] { wakes.release(); });
  std::jthread lane([&, consumer = queue.MakeConsumer()]() mutable {
    std::array<Record, 16> into;
    for (std::int64_t expected = 0; expected < kRecords;) {
      const std::size_t count = consumer.Pop(into);
      for (std::size_t i = 0; i < count; ++i) {
        if (into[i].offset.value != expected++) std::abort();
        if (into[i].value.size() != 3 || into[i].value[0] != 'v') std::abort();
        into[i] = Record{};  // what the slot owned is freed on this thread
      }
      if (count == 0 && consumer.PrepareSleep()) wakes.acquire();
    }
  });
  LaneQueue::Producer producer = queue.MakeProducer();
  for (std::int64_t offset = 0; offset < kRecords; ++offset) {
    auto bytes = std::make_unique<std::string>("v" + std::to_string(offset % 90 + 10));
    Record record = Message(offset, *bytes);
    record.Own(bytes.release(),
               [](void* handle) noexcept { delete static_cast<std::string*>(handle); });
    while (!producer.TryPush(record)) std::this_thread::yield();
    ASSERT_LE(queue.records(), kLimits.records_max);
    if (offset % 1000 == 0) std::this_thread::yield();  // let the queue run empty as well
  }
  lane.join();
  EXPECT_EQ(queue.records(), 0U);
  EXPECT_EQ(queue.bytes(), 0U);
}

// The race itself: the next record comes just when the consumer, having taken the last one, lies
// down. With the stores in TryPush or PrepareSleep weaker than seq_cst this hangs.
TEST(LaneQueueThreadsTest, WakesAConsumerThatIsJustLyingDown) {
  constexpr std::int64_t kRecords = 400'000;
  constexpr int kSpinsMax = 1000;
  std::counting_semaphore<> wakes{0};
  LaneQueue queue({.records_max = 64, .bytes_max = 1 << 20}, [&] { wakes.release(); });
  std::jthread lane([&, consumer = queue.MakeConsumer()]() mutable {
    std::array<Record, 16> into;
    for (std::int64_t got = 0; got < kRecords;) {
      const std::size_t count = consumer.Pop(into);
      got += static_cast<std::int64_t>(count);
      if (count == 0 && consumer.PrepareSleep() &&
          !wakes.try_acquire_for(std::chrono::seconds(10))) {
        std::abort();
      }
    }
  });
  LaneQueue::Producer producer = queue.MakeProducer();
  for (std::int64_t offset = 0; offset < kRecords; ++offset) {
    Record record = Message(offset);
    ASSERT_TRUE(producer.TryPush(record));
    // Spins, to come back just when the consumer goes to sleep, but only for a while: with one core
    // for both threads it took ten minutes.
    for (int spins = 0; queue.records() > 0; ++spins) {
      if (spins > kSpinsMax) std::this_thread::yield();
    }
  }
}

}  // namespace
}  // namespace usage_ingest::pipeline
