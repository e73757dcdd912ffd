#include "ingest/pipeline/consumer_inbox.h"

#include <concurrentqueue.h>

#include <utility>

#include "schema/check.h"

namespace usage_ingest::pipeline {

// Several producers: what one of them pushed comes out in its order; among them there is none, and
// none is needed: Committed of one partition always comes from one lane, and epochs sort the rest.
struct ConsumerInbox::Impl {
  moodycamel::ConcurrentQueue<ConsumerMessage> queue;
};

ConsumerInbox::ConsumerInbox() : impl_(std::make_unique<Impl>()) {}
ConsumerInbox::~ConsumerInbox() = default;

void ConsumerInbox::Push(ConsumerMessage message) {
  // Refused only when memory is exhausted, and a lost answer would stop a partition forever.
  USAGE_INGEST_CHECK(impl_->queue.enqueue(std::move(message)));
}

bool ConsumerInbox::Take(ConsumerMessage& message) { return impl_->queue.try_dequeue(message); }

}  // namespace usage_ingest::pipeline
