#pragma once
// Pipeline: the consumer thread and the lanes, and the order in which they start and stop.
//
// Owner         main. Start, Stop and the destructor on main's thread.
// Invariants    the order of the end: lanes stop and are joined; the consumer thread leaves the
//               group and is joined; queues and batches are destroyed; last the consumer, which
//               owns the buffers of their records.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/telemetry/status_snapshot.h"
#include "ingest/pipeline/consumer_inbox.h"
#include "ingest/pipeline/telemetry.h"
#include "schema/error.h"

namespace usage_ingest::assembly {
class LaneThread;
}
namespace usage_ingest::kafka::consumer {
class KafkaConsumer;
}

namespace usage_ingest::service {

class Pipeline {
 public:
  struct Dependencies {
    pipeline::TelemetrySink& telemetry;
    pipeline::ConsumerInbox& inbox;
    pipeline::RequestPositions request_positions;
    // From any thread, at most once a thread: it ended with an error that needs an operator.
    std::function<void(const Error&)> failed;
  };

  explicit Pipeline(const config::Config& config);
  ~Pipeline();

  [[nodiscard]] Result<> Start(const Dependencies& dependencies);
  // Finishes the running transactions and joins. False when `deadline` passed first; the process
  // must end then without destroying anything (nothing is lost: what is not committed is in Kafka).
  [[nodiscard]] bool Stop(std::chrono::steady_clock::time_point deadline);

  // Any thread, after Start.
  void ExpireAttribution();
  // The sum of the lanes' queues; the limit is not set.
  [[nodiscard]] telemetry::QueueStatus queue() const;
  // True when, since the last call, each lane has made progress or has nothing to do.
  [[nodiscard]] bool MadeProgress();

 private:
  const config::Config& config_;
  std::unique_ptr<kafka::consumer::KafkaConsumer> consumer_;  // outlives the records in lanes
  std::vector<std::unique_ptr<assembly::LaneThread>> lanes_;
  std::vector<std::uint64_t> progress_seen_;
  std::atomic<std::size_t> running_{0};  // threads that have not ended
  std::jthread consumer_thread_;
};

}  // namespace usage_ingest::service
