#pragma once
// KafkaConsumer: the consumer thread. From Kafka's partitions to the lanes' queues.
//
// Whatever changes what is read - a rebalance, a row that another owner moved, an offset that the
// log does not hold any more, a recreated topic - goes one way: a new epoch, nothing assigned; ask
// Kafka where the topics begin and PostgreSQL where we were; compare; tell the lanes (kStart,
// kGap), then assign the whole list. Records of an older epoch are dropped by the lanes and read
// again by whoever owns them now, and the compare-and-set on the offsets row holds when somebody
// did not notice (INV-5). It never waits for PostgreSQL: answers come by the inbox.
//
// Owner         one thread, which calls Run. Its records must be gone before it is destroyed:
//               1. stop and join the lanes, 2. stop and join this thread, 3. destroy the lanes and
//               their queues, 4. destroy this.
// Thread-safety current_epoch() from anywhere; everything else on the thread of Run.
// Invariants    INV-6: a refused record is held back and nothing is polled. INV-7: what is
//               committed to Kafka is what lanes reported.
// Limit         one record held back; the rest is bounded by LaneQueue and FetchLimits.
// Errors        kFatal from Run: librdkafka or the group refuses this instance for good.
// Source        issue "Exactly once under every fault"; rdkafka.h.
#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "ingest/kafka/client/kafka_options.h"
#include "ingest/pipeline/consumer_inbox.h"
#include "ingest/pipeline/lane_queue.h"
#include "ingest/pipeline/observer.h"
#include "schema/error.h"

namespace usage_ingest::kafka::consumer {

class KafkaConsumer {
 public:
  struct Links {
    std::vector<pipeline::LaneQueue::Producer> lanes;
    pipeline::ConsumerInbox& inbox;
    pipeline::RequestPositions request_positions;  // called on the thread of Run
    pipeline::PipelineObserver& observer;
  };

  // Errors: kFatal, when a property is unknown or wrong.
  [[nodiscard]] static Result<std::unique_ptr<KafkaConsumer>> Make(client::KafkaOptions options,
                                                                   Links links);
  ~KafkaConsumer();

  // Until `stop`, or an error that only a person can mend. Then commits what is reported and leaves
  // the group, in kCloseTimeout at most.
  [[nodiscard]] Result<> Run(const std::stop_token& stop) noexcept;

  // Lanes drop records of an older epoch. Raised before anybody else may own a partition.
  [[nodiscard]] const std::atomic<std::uint64_t>& current_epoch() const noexcept;

 private:
  class Impl;
  explicit KafkaConsumer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::kafka::consumer
