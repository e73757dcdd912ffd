#include "ingest/pipeline/lane_queue.h"

#include <concurrentqueue.h>

#include <atomic>
#include <utility>

#include "schema/check.h"

namespace usage_ingest::pipeline {
namespace {

struct Traits : moodycamel::ConcurrentQueueDefaultTraits {
  // Thousands of records wait here under load: fewer, larger blocks keep the block index small.
  static constexpr std::size_t BLOCK_SIZE = 256;
};
using Queue = moodycamel::ConcurrentQueue<Record, Traits>;

// What one end has done since the beginning. Written by that end only, read by everyone; `records`
// is written after `bytes`, so a reader that sees the record counted sees its bytes counted too.
struct alignas(64) Counters {  // a cache line each: the ends would otherwise slow each other down
  std::atomic<std::uint64_t> bytes{0};
  std::atomic<std::uint64_t> records{0};
};

// The other end may be ahead of what was counted here, for a moment.
std::size_t Difference(std::uint64_t pushed, std::uint64_t popped) {
  return pushed > popped ? pushed - popped : 0;
}

}  // namespace

// Sleep and wake. Consumer: `sleeping = true`, then read `pushed`. Producer: `pushed = n`, then
// read `sleeping`. All four are seq_cst, so they have one order, and whichever pair comes second
// sees the first: either the consumer sees the record, or the producer sees the sleeper. With
// release and acquire alone both could read the old value (store buffering) and the record would
// wait for a wake-up that never comes.
struct LaneQueue::Impl {
  Impl(Limits queue_limits, std::function<void()> wake_function)
      : queue(queue_limits.records_max),
        producer_token(queue),
        wake(std::move(wake_function)),
        limits(queue_limits) {}

  Queue queue;
  moodycamel::ProducerToken producer_token;  // FIFO is promised per producer, and there is one
  std::function<void()> wake;
  Limits limits;
  bool has_producer = false;
  bool has_consumer = false;
  Counters pushed;
  Counters popped;
  alignas(64) std::atomic<bool> sleeping{false};
};

LaneQueue::LaneQueue(Limits limits, std::function<void()> wake)
    : impl_(std::make_unique<Impl>(limits, std::move(wake))) {
  USAGE_INGEST_CHECK(limits.records_max > 0 && limits.bytes_max > 0);
}

LaneQueue::~LaneQueue() = default;

LaneQueue::Producer LaneQueue::MakeProducer() {
  USAGE_INGEST_CHECK(!std::exchange(impl_->has_producer, true));
  return Producer(impl_.get());
}

LaneQueue::Consumer LaneQueue::MakeConsumer() {
  USAGE_INGEST_CHECK(!std::exchange(impl_->has_consumer, true));
  return Consumer(impl_.get());
}

std::size_t LaneQueue::bytes() const noexcept {
  // `popped` first: read the other way round, a push and a pop in between would make it too small.
  const auto popped = impl_->popped.bytes.load(std::memory_order_relaxed);
  return Difference(impl_->pushed.bytes.load(std::memory_order_relaxed), popped);
}

std::size_t LaneQueue::records() const noexcept {
  const auto popped = impl_->popped.records.load(std::memory_order_relaxed);
  return Difference(impl_->pushed.records.load(std::memory_order_relaxed), popped);
}

bool LaneQueue::Producer::TryPush(Record& record) {
  Counters& pushed = impl_->pushed;
  const auto pushed_records =
      pushed.records.load(std::memory_order_relaxed);  // written by this end only
  const auto pushed_bytes = pushed.bytes.load(std::memory_order_relaxed);
  const std::size_t size = record.bytes();
  if (record.kind == Record::Kind::kMessage) {
    // acquire: pairs with the release in Pop, so slots counted as free really are.
    const auto waiting =
        Difference(pushed_records, impl_->popped.records.load(std::memory_order_acquire));
    const auto waiting_bytes =
        Difference(pushed_bytes, impl_->popped.bytes.load(std::memory_order_relaxed));
    const bool fits =
        waiting < impl_->limits.records_max && waiting_bytes + size <= impl_->limits.bytes_max;
    if (waiting > 0 && !fits) return false;
  }
  // False only when memory is exhausted; the record is untouched then.
  if (!impl_->queue.enqueue(impl_->producer_token, std::move(record))) return false;
  pushed.bytes.store(pushed_bytes + size, std::memory_order_relaxed);
  pushed.records.store(pushed_records + 1, std::memory_order_seq_cst);  // see Impl
  if (impl_->sleeping.load(std::memory_order_seq_cst)) {
    // Only this end and PrepareSleep's own thread clear it; a wake too many does no harm.
    impl_->sleeping.store(false, std::memory_order_relaxed);
    impl_->wake();
  }
  return true;
}

bool LaneQueue::Producer::is_below_half() const noexcept {
  const auto records = Difference(impl_->pushed.records.load(std::memory_order_relaxed),
                                  impl_->popped.records.load(std::memory_order_relaxed));
  const auto bytes = Difference(impl_->pushed.bytes.load(std::memory_order_relaxed),
                                impl_->popped.bytes.load(std::memory_order_relaxed));
  return records < impl_->limits.records_max / 2 && bytes < impl_->limits.bytes_max / 2;
}

std::size_t LaneQueue::Consumer::Pop(std::span<Record> into) {
  const std::size_t count =
      impl_->queue.try_dequeue_bulk_from_producer(impl_->producer_token, into.begin(), into.size());
  if (count == 0) return 0;
  std::size_t bytes = 0;
  for (const Record& record : into.first(count)) bytes += record.bytes();
  Counters& popped = impl_->popped;
  popped.bytes.store(popped.bytes.load(std::memory_order_relaxed) + bytes,
                     std::memory_order_relaxed);
  popped.records.store(popped.records.load(std::memory_order_relaxed) + count,
                       std::memory_order_release);  // release: pairs with acquire in TryPush
  return count;
}

bool LaneQueue::Consumer::PrepareSleep() {
  impl_->sleeping.store(true, std::memory_order_seq_cst);  // see Impl
  const auto popped =
      impl_->popped.records.load(std::memory_order_relaxed);  // written by this end only
  if (impl_->pushed.records.load(std::memory_order_seq_cst) <= popped) return true;
  impl_->sleeping.store(false, std::memory_order_relaxed);
  return false;
}

}  // namespace usage_ingest::pipeline
