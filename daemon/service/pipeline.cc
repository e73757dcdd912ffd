#include "daemon/service/pipeline.h"

#include <pthread.h>

#include <string>
#include <utility>

#include "daemon/assembly/component_options.h"
#include "daemon/assembly/lane_thread.h"
#include "ingest/kafka/consumer/consumer.h"
#include "ingest/postgres/batch/progress_store.h"

namespace usage_ingest::service {
namespace {

constexpr auto kJoinPoll = std::chrono::milliseconds(5);

}  // namespace

Pipeline::Pipeline(const config::Config& config) : config_(config) {
  for (std::size_t i = 0; i < config.postgres.writers; ++i) {
    lanes_.push_back(std::make_unique<assembly::LaneThread>(assembly::QueueLimitsFor(config)));
  }
  progress_seen_.resize(lanes_.size());
}

Pipeline::~Pipeline() {
  lanes_.clear();
  consumer_.reset();
}

Result<> Pipeline::Start(const Dependencies& dependencies) {
  kafka::consumer::KafkaConsumer::Dependencies of_consumer{
      {}, dependencies.inbox, dependencies.request_positions, dependencies.telemetry};
  for (const auto& lane : lanes_) {
    of_consumer.lanes.push_back(lane->queue().MakeProducer());
  }
  auto made = kafka::consumer::KafkaConsumer::Make(assembly::KafkaOptionsFor(config_),
                                                   std::move(of_consumer));
  if (!made) return std::unexpected(made.error());
  consumer_ = std::move(*made);

  const auto ended = [this, failed = dependencies.failed](const Result<>& result) {
    if (!result) failed(result.error());
    // release: pairs with the acquire in Stop, which then joins without waiting
    running_.fetch_sub(1, std::memory_order_release);
  };
  running_ = lanes_.size() + 1;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    lanes_[i]->Start(
        assembly::LaneOptionsFor(config_, i), assembly::StoreOptionsFor(config_, std::to_string(i)),
        postgres::batch::MakeGroupProgress(config_.kafka.group_id),
        {dependencies.telemetry, dependencies.inbox, consumer_->current_epoch(), ended});
  }
  consumer_thread_ = std::jthread([this, ended](const std::stop_token& stop) {
    // ignored because a thread without a name works as well
    static_cast<void>(pthread_setname_np(pthread_self(), "consumer"));
    ended(consumer_->Run(stop));
  });
  return {};
}

bool Pipeline::Stop(std::chrono::steady_clock::time_point deadline) {
  const auto wait_until_running = [&](std::size_t threads) {
    // acquire: pairs with the release at each thread's end
    while (running_.load(std::memory_order_acquire) > threads) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(kJoinPoll);
    }
    return true;
  };
  for (const auto& lane : lanes_) lane->Stop();
  // The consumer stops after the lanes, so that it commits the offsets of their last batches.
  if (running_.load() > 1 && !wait_until_running(1)) return false;
  consumer_thread_.request_stop();
  if (!wait_until_running(0)) return false;
  for (const auto& lane : lanes_) lane->Join();
  if (consumer_thread_.joinable()) consumer_thread_.join();
  return true;
}

void Pipeline::ExpireAttribution() {
  for (const auto& lane : lanes_) lane->ExpireAttribution();
}

telemetry::QueueStatus Pipeline::queue() const {
  telemetry::QueueStatus sum;
  for (const auto& lane : lanes_) {
    sum.records += lane->queue().records();
    sum.bytes += lane->queue().bytes();
  }
  return sum;
}

bool Pipeline::MadeProgress() {
  bool all = true;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const std::uint64_t progress = lanes_[i]->progress();
    all = all && (lanes_[i]->idle() || progress != progress_seen_[i]);
    progress_seen_[i] = progress;
  }
  return all;
}

}  // namespace usage_ingest::service
