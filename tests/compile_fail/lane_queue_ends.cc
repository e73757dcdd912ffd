// A queue has one producer and one consumer, and the compiler knows (R29).
#include <span>

#include "ingest/pipeline/lane_queue.h"

namespace usage_ingest::ingest {

void Use(LaneQueue& queue, Record& record) {
  LaneQueue::Producer producer = queue.MakeProducer();
  LaneQueue::Consumer consumer = queue.MakeConsumer();
  LaneQueue::Producer moved = std::move(producer);
  static_cast<void>(moved.TryPush(record));
  static_cast<void>(consumer.Pop(std::span(&record, 1)));
#if defined(COPIES_A_PRODUCER)
  LaneQueue::Producer second = moved;
#elif defined(COPIES_A_CONSUMER)
  LaneQueue::Consumer second = consumer;
#elif defined(COPIES_A_RECORD)
  Record copy = record;
#elif defined(POPS_FROM_A_PRODUCER)
  static_cast<void>(moved.Pop(std::span(&record, 1)));
#elif defined(PUSHES_INTO_A_CONSUMER)
  static_cast<void>(consumer.TryPush(record));
#elif defined(MAKES_AN_END_ITSELF)
  LaneQueue::Producer made(nullptr);
#elif defined(COPIES_A_QUEUE)
  LaneQueue copy(queue);
#endif
}

}  // namespace usage_ingest::ingest
