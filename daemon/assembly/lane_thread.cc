#include "daemon/assembly/lane_thread.h"

#include <pthread.h>

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <string>
#include <utility>

#include "ingest/pipeline/lane.h"
#include "ingest/postgres/batch/pg_batch_store.h"

namespace usage_ingest::assembly {

LaneThread::LaneThread(pipeline::LaneQueue::Limits queue_limits)
    : queue_(queue_limits, [this] {
        // acquire: pairs with the release in Start; the lane is complete when it is seen.
        if (pipeline::Lane* lane = lane_seen_.load(std::memory_order_acquire)) lane->Wake();
      }) {}

LaneThread::~LaneThread() {
  if (thread_.joinable()) Stop();
  Join();
}

void LaneThread::Start(const pipeline::LaneOptions& options,
                       const postgres::batch::PgBatchStoreOptions& store,
                       std::unique_ptr<postgres::batch::ProgressStore> progress,
                       Dependencies dependencies) {
  const pipeline::Runtime runtime{io_.get_executor(), clock_};
  progress_ = std::move(progress);
  store_ = std::make_unique<postgres::batch::PgBatchStore>(io_.get_executor(), store, *progress_);
  lane_ = std::make_unique<pipeline::Lane>(
      options, queue_.MakeConsumer(),
      pipeline::LaneDependencies{*store_, dependencies.telemetry, dependencies.inbox,
                                 dependencies.current_epoch},
      runtime);
  // release: pairs with the acquire in the constructor
  lane_seen_.store(lane_.get(), std::memory_order_release);
  thread_ = std::jthread([this, index = options.index, ended = std::move(dependencies.ended)] {
    const std::string name = "lane-" + std::to_string(index);
    // ignored because a thread without a name works as well
    static_cast<void>(pthread_setname_np(pthread_self(), name.c_str()));
    boost::asio::co_spawn(io_, lane_->Run(),
                          [&](const std::exception_ptr& bug, const Result<>& result) {
                            if (bug) std::rethrow_exception(bug);
                            ended(result);
                          });
    io_.run();
  });
}

void LaneThread::Stop() {
  if (lane_) lane_->Stop();
}
void LaneThread::Finish() {
  if (lane_) lane_->Finish();
}
void LaneThread::ExpireAttribution() {
  if (lane_) lane_->ExpireAttribution();
}
void LaneThread::Join() {
  if (thread_.joinable()) thread_.join();
}
std::uint64_t LaneThread::progress() const { return lane_ ? lane_->progress() : 0; }
bool LaneThread::idle() const { return !lane_ || lane_->idle(); }

}  // namespace usage_ingest::assembly
