#pragma once
// ProgressWatch: how far the daemon is, seen from outside: by the offsets rows in PostgreSQL.
//
// It answers two questions. How long does an event take to become visible (from Send() to the first
// look that sees its offset committed, so the interval of looks is in the figure)? And may the
// generator go on (librdkafka's mock cluster keeps 5 MiB a partition and forgets the rest)?
//
// Owner         the publisher.
// Thread-safety all methods from any thread; a thread of its own reads the offsets.
// Limit         with Options::room_bytes, unseen bytes a partition; else all deliveries are kept.
// Errors        a lost connection ends the watch; Check() then throws.
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bench/load/kafka_producer.h"
#include "schema/mutex.h"

namespace usage_ingest::load {

class ProgressWatch {
 public:
  using Clock = std::chrono::steady_clock;
  struct Options {
    std::string conninfo;
    std::string group_id = "usage-ingestd";
    std::string topic;
    std::chrono::milliseconds interval{10};
    std::size_t room_bytes = 0;  // 0: no bound
  };
  ProgressWatch(Options options, std::int32_t partitions);

  // Waits until the partition has room; false when `stop` was requested while it waited.
  bool WaitForRoom(std::int32_t partition, std::size_t bytes, const std::stop_token& stop);
  // `tag` of a delivery is the time of its Send(), in Clock ticks.
  void OnDelivery(const Delivery& delivery);
  [[nodiscard]] static std::uint64_t Now();
  // True when everything delivered was seen committed.
  bool WaitUntilSeen(std::chrono::seconds timeout, const std::stop_token& stop);
  void Check();

  struct Latency {
    std::size_t samples = 0;
    double p50 = 0;  // seconds
    double p90 = 0;
    double p99 = 0;
    double max = 0;
  };
  [[nodiscard]] Latency latency();

 private:
  struct Waiting {
    std::int64_t offset;
    std::uint64_t sent;
    std::size_t bytes;
  };
  struct Partition {
    std::deque<Waiting> delivered;
    std::size_t unseen_bytes = 0;
  };
  void Look(const std::stop_token& stop);
  void Seen(std::int32_t partition, std::int64_t next_offset, std::uint64_t now) REQUIRES(mutex_);

  const Options options_;
  Mutex mutex_;
  CondVar changed_;
  std::vector<Partition> partitions_ GUARDED_BY(mutex_);
  std::vector<float> seconds_ GUARDED_BY(mutex_);
  std::size_t unseen_ GUARDED_BY(mutex_) = 0;
  std::optional<std::string> failure_ GUARDED_BY(mutex_);
  std::jthread looker_;  // last: it uses the others
};

}  // namespace usage_ingest::load
