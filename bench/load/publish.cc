#include "bench/load/publish.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <exception>
#include <memory>
#include <thread>
#include <vector>

#include "schema/mutex.h"

namespace usage_ingest::load {
namespace {

using Clock = std::chrono::steady_clock;
// A worker takes this many deliveries in a row, so that the stream stays nearly in order.
constexpr std::uint64_t kBlock = 512;
constexpr auto kStatusInterval = std::chrono::milliseconds(250);

// What the workers of one Publish() share.
class Workers {
 public:
  Workers(const Population& population, const EventStream& stream, const EventRenderer& renderer,
          const PublishOptions& options)
      : stream_(stream),
        renderer_(renderer),
        options_(options),
        subscriptions_(population.subscriptions.size()),
        producer_(WithWatch(options)),
        sum_(subscriptions_) {
    if (!options.watch.conninfo.empty()) {
      watch_ = std::make_unique<ProgressWatch>(options.watch, producer_.partitions());
    }
  }

  void Run(const std::stop_token& stop);
  [[nodiscard]] PublishReport Finish(const std::stop_token& stop);

 private:
  [[nodiscard]] KafkaProducer::Options WithWatch(const PublishOptions& options) {
    KafkaProducer::Options kafka = options.kafka;
    kafka.on_delivery = [this](const Delivery& delivery) {
      if (watch_ != nullptr) watch_->OnDelivery(delivery);
    };
    return kafka;
  }
  void Work(const std::stop_token& stop) noexcept;
  void SendAll(Expectation& sent, const std::stop_token& stop);
  bool Send(std::uint64_t delivery, Expectation& sent, const std::stop_token& stop);
  void WriteStatus() const;

  const EventStream& stream_;
  const EventRenderer& renderer_;
  const PublishOptions& options_;
  const std::size_t subscriptions_;
  std::unique_ptr<ProgressWatch> watch_;  // before producer_, which calls it
  KafkaProducer producer_;
  const Clock::time_point began_ = Clock::now();
  std::atomic<std::uint64_t> next_block_ = 0;
  std::atomic<std::uint64_t> records_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<int> running_ = 0;
  Mutex mutex_;
  Expectation sum_ GUARDED_BY(mutex_);
  std::exception_ptr failure_ GUARDED_BY(mutex_);
};

bool Workers::Send(std::uint64_t delivery, Expectation& sent, const std::stop_token& stop) {
  thread_local std::string value;
  const EventFacts facts = stream_.At(delivery);
  renderer_.Render(facts, value);
  const std::string key = renderer_.KafkaKey(facts);
  const std::int32_t partition = producer_.PartitionOf(key);
  if (options_.rate > 0) {
    const std::chrono::duration<double> due(static_cast<double>(delivery) / options_.rate);
    std::this_thread::sleep_until(began_ + std::chrono::duration_cast<Clock::duration>(due));
  }
  if (watch_ != nullptr) {
    watch_->Check();
    if (!watch_->WaitForRoom(partition, value.size(), stop)) return false;
  }
  producer_.Send({partition, key, value, ProgressWatch::Now()});
  sent.Add(facts, value.size());
  records_.fetch_add(1, std::memory_order_relaxed);
  bytes_.fetch_add(value.size(), std::memory_order_relaxed);
  return !stop.stop_requested();
}

void Workers::SendAll(Expectation& sent, const std::stop_token& stop) {
  for (;;) {
    const std::uint64_t first = next_block_.fetch_add(1) * kBlock;
    for (std::uint64_t delivery = first; delivery < first + kBlock; ++delivery) {
      if (options_.deliveries != 0 && delivery >= options_.deliveries) return;
      if (!Send(delivery, sent, stop)) return;
    }
  }
}

void Workers::Work(const std::stop_token& stop) noexcept {
  try {
    Expectation sent(subscriptions_);
    SendAll(sent, stop);
    const MutexLock lock(mutex_);
    sum_.Merge(sent);
  } catch (...) {
    const MutexLock lock(mutex_);
    failure_ = std::current_exception();
  }
  --running_;
}

void Workers::WriteStatus() const {
  if (options_.status_file.empty()) return;
  const std::string next = options_.status_file + ".next";
  std::FILE* file = std::fopen(next.c_str(), "w");
  if (file == nullptr) throw std::runtime_error("cannot write " + next);
  fmt::print(file, "{} {}\n", records_.load(), bytes_.load());
  std::fclose(file);
  // A reader sees the old figures or the new ones, never half of them.
  if (std::rename(next.c_str(), options_.status_file.c_str()) != 0) {
    throw std::runtime_error("cannot write " + options_.status_file);
  }
}

void Workers::Run(const std::stop_token& stop) {
  running_ = options_.threads;
  std::vector<std::jthread> threads;
  for (int i = 0; i < options_.threads; ++i) {
    threads.emplace_back([this, &stop] { Work(stop); });
  }
  while (running_ > 0) {
    std::this_thread::sleep_for(kStatusInterval);
    // Workers read delivery reports when they send. All of them may be waiting for room, which
    // comes with a report that none of them reads. It happened on a busy machine, and never ended.
    producer_.ServeDeliveries();
    WriteStatus();
  }
}

PublishReport Workers::Finish(const std::stop_token& stop) {
  const MutexLock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  producer_.Flush();
  PublishReport report{
      sum_, std::chrono::duration<double>(Clock::now() - began_).count(), true, {}};
  WriteStatus();
  if (watch_ != nullptr) {
    if (options_.await_seconds > 0) {
      report.all_seen = watch_->WaitUntilSeen(std::chrono::seconds(options_.await_seconds), stop);
    }
    report.latency = watch_->latency();
  }
  return report;
}

}  // namespace

std::string PublishReport::ToJson() const {
  return fmt::format(
      R"({{"produced":{},"seconds":{:.3f},"records_per_second":{:.0f},"all_seen":{},)"
      R"("latency_seconds":{{"samples":{},"p50":{:.4f},"p90":{:.4f},"p99":{:.4f},"max":{:.4f}}}}})",
      expectation.ToJson(), seconds,
      seconds > 0 ? static_cast<double>(expectation.records()) / seconds : 0.0, all_seen,
      latency.samples, latency.p50, latency.p90, latency.p99, latency.max);
}

PublishReport Publish(const Population& population, const EventStream& stream,
                      const EventRenderer& renderer, const PublishOptions& options,
                      const std::stop_token& stop) {
  Workers workers(population, stream, renderer, options);
  workers.Run(stop);
  return workers.Finish(stop);
}

}  // namespace usage_ingest::load
