#include "daemon/assembly/lane_thread.h"

#include <pthread.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <string>
#include <utility>

#include "ingest/pipeline/lane.h"
#include "ingest/postgres/batch/pg_batch_store.h"
#include "schema/check.h"

namespace usage_ingest::assembly {

struct LaneThread::Impl {
  explicit Impl(pipeline::LaneQueue::Limits limits)
      : queue(limits, [this] {
          // acquire: pairs with the release in Start; the lane is complete when it is seen.
          if (pipeline::Lane* l = lane_seen.load(std::memory_order_acquire)) l->Wake();
        }) {}

  boost::asio::io_context io{1};
  pipeline::SystemClock clock;
  std::unique_ptr<postgres::batch::ProgressStore> progress;
  std::unique_ptr<postgres::batch::PgBatchStore> store;
  std::atomic<pipeline::Lane*> lane_seen{nullptr};
  pipeline::LaneQueue queue;  // outlives the lane, which holds its consumer end
  std::unique_ptr<pipeline::Lane> lane;
  std::jthread thread;
};

LaneThread::LaneThread(pipeline::LaneQueue::Limits queue_limits)
    : impl_(std::make_unique<Impl>(queue_limits)) {}

LaneThread::~LaneThread() {
  if (impl_->thread.joinable()) Stop();
  Join();
}

pipeline::LaneQueue& LaneThread::queue() { return impl_->queue; }

void LaneThread::Start(const pipeline::LaneOptions& options,
                       const postgres::batch::PgBatchStoreOptions& store,
                       std::unique_ptr<postgres::batch::ProgressStore> progress,
                       Dependencies dependencies) {
  Impl& impl = *impl_;
  const pipeline::Runtime runtime{impl.io.get_executor(), impl.clock};
  impl.progress = std::move(progress);
  impl.store = std::make_unique<postgres::batch::PgBatchStore>(impl.io.get_executor(), store,
                                                               *impl.progress);
  impl.lane = std::make_unique<pipeline::Lane>(
      options, impl.queue.MakeConsumer(),
      pipeline::LaneDependencies{*impl.store, dependencies.telemetry, dependencies.inbox,
                                 dependencies.current_epoch},
      runtime);
  impl.lane_seen.store(impl.lane.get(), std::memory_order_release);  // pairs with acquire in `wake`
  impl.thread = std::jthread([&impl, index = options.index, ended = std::move(dependencies.ended)] {
    const std::string name = "lane-" + std::to_string(index);
    // ignored because a thread without a name works as well
    static_cast<void>(pthread_setname_np(pthread_self(), name.c_str()));
    boost::asio::co_spawn(impl.io, impl.lane->Run(),
                          [&](const std::exception_ptr& bug, const Result<>& result) {
                            if (bug) std::rethrow_exception(bug);
                            ended(result);
                          });
    impl.io.run();
  });
}

void LaneThread::Stop() {
  if (impl_->lane) impl_->lane->Stop();
}
void LaneThread::Finish() {
  if (impl_->lane) impl_->lane->Finish();
}
void LaneThread::ExpireAttribution() {
  if (impl_->lane) impl_->lane->ExpireAttribution();
}
void LaneThread::Join() {
  if (impl_->thread.joinable()) impl_->thread.join();
}
std::uint64_t LaneThread::progress() const { return impl_->lane ? impl_->lane->progress() : 0; }
bool LaneThread::idle() const { return !impl_->lane || impl_->lane->idle(); }

}  // namespace usage_ingest::assembly
