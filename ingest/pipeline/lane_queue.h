#pragma once
// LaneQueue: the bounded lock-free queue between the consumer thread and one lane.
//
// The two ends are different, move-only types, so a second producer does not compile. It is bounded
// in bytes and in records; a full queue refuses and the consumer stops polling (INV-6). One record
// is always accepted by an empty queue, however large.
//
// Owner         Producer: consumer thread. Consumer: lane thread. The queue outlives both ends.
// Thread-safety each end is used by its own thread only.
// Limit         Limits; bytes count a record's value and its bookkeeping.
#include <cstddef>
#include <functional>
#include <memory>
#include <span>

#include "ingest/pipeline/record.h"

namespace usage_ingest::pipeline {

class LaneQueue {
 public:
  struct Limits {
    std::size_t records_max;
    std::size_t bytes_max;
  };
  class Producer;
  class Consumer;

  // `wake` is called by the producer, on its thread, when the consumer has announced its sleep.
  LaneQueue(Limits limits, std::function<void()> wake);
  ~LaneQueue();
  LaneQueue(const LaneQueue&) = delete;
  LaneQueue& operator=(const LaneQueue&) = delete;

  // REQUIRES: each is called once.
  [[nodiscard]] Producer MakeProducer();
  [[nodiscard]] Consumer MakeConsumer();

  // Any thread; a moment's figures, for metrics and the pause rule.
  [[nodiscard]] std::size_t bytes() const noexcept;
  [[nodiscard]] std::size_t records() const noexcept;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class LaneQueue::Producer {
 public:
  Producer(Producer&&) = default;
  Producer& operator=(Producer&&) = default;
  // False leaves `record` as it was. Control records (kStart, kGap, kHole) are never refused.
  [[nodiscard]] bool TryPush(Record& record);
  // Less than half of either bound is taken: the moment to resume what was paused.
  [[nodiscard]] bool is_below_half() const noexcept;

 private:
  friend class LaneQueue;
  explicit Producer(Impl* impl) : impl_(impl) {}
  Impl* impl_;
};

class LaneQueue::Consumer {
 public:
  Consumer(Consumer&&) = default;
  Consumer& operator=(Consumer&&) = default;
  // Fills the front of `into`, returns how many.
  [[nodiscard]] std::size_t Pop(std::span<Record> into);
  // Asks for `wake` at the next push. Returns false when the queue is not empty.
  [[nodiscard]] bool PrepareSleep();

 private:
  friend class LaneQueue;
  explicit Consumer(Impl* impl) : impl_(impl) {}
  Impl* impl_;
};

}  // namespace usage_ingest::pipeline
