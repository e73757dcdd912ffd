#include "daemon/service/pipeline.h"

#include <pthread.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "daemon/assembly/component_options.h"
#include "daemon/assembly/lane_thread.h"
#include "ingest/kafka/consumer/consumer.h"
#include "ingest/postgres/batch/progress_store.h"

namespace usage_ingest::service {
namespace {

constexpr auto kJoinPoll = std::chrono::milliseconds(5);

}  // namespace

struct Pipeline::Impl {
  explicit Impl(const config::Config& c) : config(c) {
    for (std::size_t i = 0; i < config.postgres.writers; ++i) {
      lanes.push_back(std::make_unique<assembly::LaneThread>(assembly::QueueLimitsFor(config)));
    }
    progress_seen.resize(lanes.size());
  }

  const config::Config& config;
  std::unique_ptr<kafka::consumer::KafkaConsumer> consumer;  // outlives the records in lanes
  std::vector<std::unique_ptr<assembly::LaneThread>> lanes;
  std::vector<std::uint64_t> progress_seen;
  std::atomic<std::size_t> running{0};  // threads that have not ended
  std::jthread consumer_thread;
};

Pipeline::Pipeline(const config::Config& config) : impl_(std::make_unique<Impl>(config)) {}

Pipeline::~Pipeline() {
  impl_->lanes.clear();
  impl_->consumer.reset();
}

Result<> Pipeline::Start(const Links& links) {
  Impl& impl = *impl_;
  kafka::consumer::KafkaConsumer::Dependencies dependencies{
      {}, links.inbox, links.request_positions, links.telemetry};
  for (const auto& lane : impl.lanes) {
    dependencies.lanes.push_back(lane->queue().MakeProducer());
  }
  auto made = kafka::consumer::KafkaConsumer::Make(assembly::KafkaOptionsFor(impl.config),
                                                   std::move(dependencies));
  if (!made) return std::unexpected(made.error());
  impl.consumer = std::move(*made);

  const auto ended = [&impl, failed = links.failed](const Result<>& result) {
    if (!result) failed(result.error());
    // release: pairs with the acquire in Stop, which then joins without waiting
    impl.running.fetch_sub(1, std::memory_order_release);
  };
  impl.running = impl.lanes.size() + 1;
  for (std::size_t i = 0; i < impl.lanes.size(); ++i) {
    impl.lanes[i]->Start(assembly::LaneOptionsFor(impl.config, i),
                         assembly::StoreOptionsFor(impl.config, std::to_string(i)),
                         postgres::batch::MakeGroupProgress(impl.config.kafka.group_id),
                         {links.telemetry, links.inbox, impl.consumer->current_epoch(), ended});
  }
  impl.consumer_thread = std::jthread([&impl, ended](const std::stop_token& stop) {
    // ignored because a thread without a name works as well
    static_cast<void>(pthread_setname_np(pthread_self(), "consumer"));
    ended(impl.consumer->Run(stop));
  });
  return {};
}

bool Pipeline::Stop(std::chrono::steady_clock::time_point deadline) {
  Impl& impl = *impl_;
  const auto wait_until_running = [&](std::size_t threads) {
    // acquire: pairs with the release at each thread's end
    while (impl.running.load(std::memory_order_acquire) > threads) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(kJoinPoll);
    }
    return true;
  };
  for (const auto& lane : impl.lanes) lane->Stop();
  // The consumer stops after the lanes, so that it commits the offsets of their last batches.
  if (impl.running.load() > 1 && !wait_until_running(1)) return false;
  impl.consumer_thread.request_stop();
  if (!wait_until_running(0)) return false;
  for (const auto& lane : impl.lanes) lane->Join();
  if (impl.consumer_thread.joinable()) impl.consumer_thread.join();
  return true;
}

void Pipeline::ExpireAttribution() {
  for (const auto& lane : impl_->lanes) lane->ExpireAttribution();
}

std::size_t Pipeline::queue_bytes() const {
  std::size_t bytes = 0;
  for (const auto& lane : impl_->lanes) bytes += lane->queue().bytes();
  return bytes;
}

std::size_t Pipeline::queue_records() const {
  std::size_t records = 0;
  for (const auto& lane : impl_->lanes) records += lane->queue().records();
  return records;
}

bool Pipeline::MadeProgress() {
  bool all = true;
  for (std::size_t i = 0; i < impl_->lanes.size(); ++i) {
    const std::uint64_t progress = impl_->lanes[i]->progress();
    all = all && (impl_->lanes[i]->idle() || progress != impl_->progress_seen[i]);
    impl_->progress_seen[i] = progress;
  }
  return all;
}

}  // namespace usage_ingest::service
