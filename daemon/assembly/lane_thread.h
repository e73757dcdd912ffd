#pragma once
// LaneThread: a lane with all that it owns: its thread, its executor, its session of PostgreSQL.
//
// Owner         Pipeline (or a replay). Made, started, stopped, joined and destroyed in this order,
//               on one thread. The destructor stops a lane that still runs, as after an exception.
// Thread-safety Stop, Finish, ExpireAttribution, progress from any thread while it runs.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "ingest/pipeline/lane_queue.h"
#include "ingest/pipeline/runtime.h"
#include "schema/error.h"

namespace usage_ingest::pipeline {
class Lane;
struct LaneOptions;
class TelemetrySink;
class ConsumerInbox;
}  // namespace usage_ingest::pipeline
namespace usage_ingest::postgres::batch {
class PgBatchStore;
class ProgressStore;
struct PgBatchStoreOptions;
}  // namespace usage_ingest::postgres::batch

namespace usage_ingest::assembly {

class LaneThread {
 public:
  struct Dependencies {
    pipeline::TelemetrySink& telemetry;
    pipeline::ConsumerInbox& inbox;
    const std::atomic<std::uint64_t>& current_epoch;
    // On the lane's thread, once, when it ends: by Stop or Finish, or with an error that a person
    // must handle.
    std::function<void(const Result<>&)> ended;
  };

  explicit LaneThread(pipeline::LaneQueue::Limits queue_limits);
  ~LaneThread();
  LaneThread(const LaneThread&) = delete;
  LaneThread& operator=(const LaneThread&) = delete;

  [[nodiscard]] pipeline::LaneQueue& queue() { return queue_; }
  void Start(const pipeline::LaneOptions& options,
             const postgres::batch::PgBatchStoreOptions& store,
             std::unique_ptr<postgres::batch::ProgressStore> progress, Dependencies dependencies);

  void Stop();
  void Finish();
  void ExpireAttribution();
  void Join();
  [[nodiscard]] std::uint64_t progress() const;
  [[nodiscard]] bool idle() const;

 private:
  boost::asio::io_context io_{1};
  pipeline::SystemClock clock_;
  std::unique_ptr<postgres::batch::ProgressStore> progress_;
  std::unique_ptr<postgres::batch::PgBatchStore> store_;
  std::atomic<pipeline::Lane*> lane_seen_{nullptr};
  pipeline::LaneQueue queue_;  // outlives the lane, which holds its consumer end
  std::unique_ptr<pipeline::Lane> lane_;
  std::jthread thread_;
};

}  // namespace usage_ingest::assembly
