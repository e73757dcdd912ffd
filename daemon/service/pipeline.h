#pragma once
// Pipeline: the consumer thread and the lanes, wired; who starts first and who stops last.
//
// Owner         main. Start, Stop and the destructor on main's thread.
// Invariants    the order of the end: lanes are stopped and joined, then the consumer (it closes
// its
//               group membership last), then queues and batches go, then the consumer, whose
//               buffers their records lie in.
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
    // From any thread, at most once a thread: something ended that only a person can mend.
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
  // Grows as long as every lane either moves or has nothing to do.
  [[nodiscard]] bool MadeProgress();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::service
