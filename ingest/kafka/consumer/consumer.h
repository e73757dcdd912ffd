#pragma once
// KafkaConsumer: the consumer thread. From Kafka's partitions to the lanes' queues.
//
// Each change of what is read takes the same path. It may be a rebalance, an offsets row that
// another owner moved, an offset that the log does not hold any more, or a recreated topic. A new
// epoch begins and nothing is assigned; Kafka is asked where the topics begin and PostgreSQL which
// offsets are stored; both are compared; the lanes are told (kStart, kGap); then the whole list is
// assigned. Lanes drop records of an older epoch; the partition's owner of now reads them again.
// The compare-and-set on the offsets row holds also against a process that missed the change
// (INV-5). This thread never waits for PostgreSQL: answers come through the inbox.
//
// Owner         one thread, which calls Run. Its records must be gone before it is destroyed:
//               1. stop and join the lanes, 2. stop and join this thread, 3. destroy the lanes and
//               their queues, 4. destroy this.
// Thread-safety current_epoch() from any thread; everything else on the thread of Run.
// Invariants    INV-6: while a record is held back nothing is polled. INV-7: only offsets that
//               lanes reported are committed to Kafka.
// Limit         one record held back; the rest is bounded by LaneQueue and FetchLimits.
// Errors        kFatal from Run: librdkafka or the group refuses this instance for good.
// Source        rdkafka.h.
#include <atomic>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <vector>

#include "ingest/kafka/client/kafka_options.h"
#include "ingest/pipeline/consumer_inbox.h"
#include "ingest/pipeline/lane_queue.h"
#include "ingest/pipeline/telemetry.h"
#include "schema/error.h"

namespace usage_ingest::kafka::consumer {

// An interface, to keep librdkafka out of this header.
class KafkaConsumer {
 public:
  struct Dependencies {
    std::vector<pipeline::LaneQueue::Producer> lanes;
    pipeline::ConsumerInbox& inbox;
    pipeline::RequestPositions request_positions;  // called on the thread of Run
    pipeline::TelemetrySink& telemetry;
  };

  // Errors: kFatal, when a property is unknown or wrong.
  [[nodiscard]] static Result<std::unique_ptr<KafkaConsumer>> Make(client::KafkaOptions options,
                                                                   Dependencies dependencies);
  virtual ~KafkaConsumer() = default;

  // Runs until `stop`, or until an error that only an operator can correct. Then commits what the
  // lanes reported and leaves the group, in kCloseTimeout at most.
  [[nodiscard]] virtual Result<> Run(const std::stop_token& stop) noexcept = 0;

  // Lanes drop records of an older epoch. Raised before another member may own a partition.
  [[nodiscard]] virtual const std::atomic<std::uint64_t>& current_epoch() const noexcept = 0;
};

}  // namespace usage_ingest::kafka::consumer
