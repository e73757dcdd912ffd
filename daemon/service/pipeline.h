#pragma once
// Pipeline: the consumer thread and the lanes, and the order in which they start and stop.
//
// Owner         main. Start, Stop and the destructor on main's thread.
// Invariants    the order of the end: lanes stop and are joined; the consumer thread leaves the
//               group and is joined; queues and batches are destroyed; last the consumer, which
//               owns the buffers of their records.
#include <chrono>
#include <functional>
#include <memory>

#include "daemon/config/config.h"
#include "ingest/pipeline/consumer_inbox.h"
#include "ingest/pipeline/telemetry.h"
#include "schema/error.h"

namespace usage_ingest::service {

class Pipeline {
 public:
  struct Links {
    pipeline::TelemetrySink& telemetry;
    pipeline::ConsumerInbox& inbox;
    pipeline::RequestPositions request_positions;
    // From any thread, at most once a thread: it ended with an error that needs an operator.
    std::function<void(const Error&)> failed;
  };

  explicit Pipeline(const config::Config& config);
  ~Pipeline();

  [[nodiscard]] Result<> Start(const Links& links);
  // Finishes the running transactions and joins. False when `deadline` passed first; the process
  // must end then without destroying anything (nothing is lost: what is not committed is in Kafka).
  [[nodiscard]] bool Stop(std::chrono::steady_clock::time_point deadline);

  // Any thread, after Start.
  void ExpireAttribution();
  [[nodiscard]] std::size_t queue_bytes() const;
  [[nodiscard]] std::size_t queue_records() const;
  // True when, since the last call, each lane has made progress or has nothing to do.
  [[nodiscard]] bool MadeProgress();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::service
