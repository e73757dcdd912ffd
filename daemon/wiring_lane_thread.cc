#include "daemon/wiring_lane_thread.h"

#include <pthread.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <exception>
#include <string>
#include <utility>

#include "ingest/pipeline/lane.h"
#include "ingest/postgres/pg_batch_store.h"
#include "schema/check.h"

namespace usage_ingest::daemon {

struct LaneThread::Impl {
  explicit Impl(ingest::LaneQueue::Limits limits)
      : queue(limits, [this] {
          // acquire: pairs with the release in Start; the lane is complete when it is seen.
          if (ingest::Lane* l = lane_seen.load(std::memory_order_acquire)) l->Wake();
        }) {}

  boost::asio::io_context io{1};
  ingest::SystemClock clock;
  std::unique_ptr<ingest::PgBatchStore> store;
  std::atomic<ingest::Lane*> lane_seen{nullptr};
  ingest::LaneQueue queue;  // outlives the lane, which holds its consumer end
  std::unique_ptr<ingest::Lane> lane;
  std::jthread thread;
};

LaneThread::LaneThread(ingest::LaneQueue::Limits queue_limits)
    : impl_(std::make_unique<Impl>(queue_limits)) {}

LaneThread::~LaneThread() {
  if (impl_->thread.joinable()) Stop();
  Join();
}

ingest::LaneQueue& LaneThread::queue() { return impl_->queue; }

void LaneThread::Start(const ingest::LaneOptions& options, const ingest::PgBatchStoreOptions& store,
                       std::unique_ptr<ingest::Ledger> ledger, Links links) {
  Impl& impl = *impl_;
  const ingest::Runtime runtime{impl.io.get_executor(), impl.clock};
  impl.store =
      std::make_unique<ingest::PgBatchStore>(impl.io.get_executor(), store, std::move(ledger));
  impl.lane = std::make_unique<ingest::Lane>(
      options, impl.queue.MakeConsumer(),
      ingest::LaneLinks{*impl.store, links.observer, links.inbox, links.current_epoch}, runtime);
  impl.lane_seen.store(impl.lane.get(), std::memory_order_release);  // pairs with the waker
  impl.thread = std::jthread([&impl, index = options.index, ended = std::move(links.ended)] {
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

}  // namespace usage_ingest::daemon
