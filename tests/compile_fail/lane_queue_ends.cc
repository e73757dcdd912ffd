// A queue has one producer and one consumer, and the compiler knows (R29).
#include <span>

#include "ingest/pipeline/lane_queue.h"

namespace usage_ingest {

void Use(pipeline::LaneQueue& queue, pipeline::Record& record) {
  pipeline::LaneQueue::Producer producer = queue.MakeProducer();
  pipeline::LaneQueue::Consumer consumer = queue.MakeConsumer();
  pipeline::LaneQueue::Producer moved = std::move(producer);
  static_cast<void>(moved.TryPush(record));
  static_cast<void>(consumer.Pop(std::span(&record, 1)));
#if defined(COPIES_A_PRODUCER)
  pipeline::LaneQueue::Producer second = moved;
#elif defined(COPIES_A_CONSUMER)
  pipeline::LaneQueue::Consumer second = consumer;
#elif defined(COPIES_A_RECORD)
  pipeline::Record copy = record;
#elif defined(POPS_FROM_A_PRODUCER)
  static_cast<void>(moved.Pop(std::span(&record, 1)));
#elif defined(PUSHES_INTO_A_CONSUMER)
  static_cast<void>(consumer.TryPush(record));
#elif defined(MAKES_AN_END_ITSELF)
  pipeline::LaneQueue::Producer made(nullptr);
#elif defined(COPIES_A_QUEUE)
  pipeline::LaneQueue copy(queue);
#endif
}

}  // namespace usage_ingest
