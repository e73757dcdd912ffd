#pragma once
// RangeReader: reads [begin, end) of partitions again, beside the group and without touching it.
//
// For `replay`: the same records into the same lanes, but nothing is joined, committed or stored.
// By time, every record from the first one that is young enough to the log's end is read, and each
// one's own timestamp decides, because the timestamps of a topic need not be in order.
// The end is exact whatever the log looks like there: it may lie in a hole (a transaction's marker,
// a compacted record), behind the last record, or be overtaken by retention while we read.
//
// Owner         one thread, which makes it and calls Read. Its records must be gone before it is
//               destroyed, as with KafkaConsumer.
// Limit         as KafkaConsumer: queues and FetchLimits; a full queue is waited for.
// Errors        kUnavailable: no broker, topic or partition in time. kBadRequest: the request makes
//               no sense. kShuttingDown: stopped, and what was read before is with the lanes.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "ingest/kafka/client/kafka_options.h"
#include "ingest/kafka/range/missing_range.h"
#include "ingest/pipeline/lane_queue.h"
#include "schema/error.h"

namespace usage_ingest::kafka::range {

// Either end by offset, or by the time of the Kafka record; nothing given: the log's end.
struct RangeRequest {
  std::string topic;
  std::vector<PartitionId> partitions = {};  // empty: all
  std::optional<Offset> from_offset = std::nullopt;
  std::optional<Offset> to_offset = std::nullopt;  // exclusive
  std::optional<std::int64_t> from_time_ms = std::nullopt;
  std::optional<std::int64_t> to_time_ms = std::nullopt;  // exclusive
};

struct PartitionRange {
  const TopicPartition* source = nullptr;
  const TopicId* topic_id = nullptr;  // of the topic as it is now
  Offset begin;
  Offset end;
  std::optional<std::int64_t> from_time_ms = std::nullopt;  // of a record that is delivered
  std::optional<std::int64_t> to_time_ms = std::nullopt;    // exclusive

  [[nodiscard]] bool is_by_time() const { return from_time_ms || to_time_ms; }
  [[nodiscard]] bool HasTime(std::int64_t time_ms) const {
    return (!from_time_ms || time_ms >= *from_time_ms) && (!to_time_ms || time_ms < *to_time_ms);
  }
};

struct RangeProgress {
  std::int64_t offsets_done = 0;  // of all ranges; holes count
  std::int64_t records = 0;       // delivered to the lanes
  std::int64_t bytes = 0;
};

class RangeReader {
 public:
  using OnProgress = std::function<void(const RangeProgress&)>;
  // `records_per_second_max` 0: as fast as the lanes take them.
  struct ReadOptions {
    std::int64_t records_per_second_max = 0;
    OnProgress on_progress;
  };

  [[nodiscard]] static Result<std::unique_ptr<RangeReader>> Make(
      const client::KafkaOptions& options, std::vector<pipeline::LaneQueue::Producer> lanes);
  virtual ~RangeReader() = default;

  // Asks Kafka what the request means now; nothing beyond the log's ends of this moment.
  [[nodiscard]] virtual Result<std::vector<PartitionRange>> Resolve(
      const RangeRequest& request, std::chrono::milliseconds timeout) = 0;
  // Delivers a kStart and every record of each range, in order; `on_progress` about ten times a
  // second. Returns when the last one is with its lane.
  [[nodiscard]] virtual Result<RangeProgress> Read(std::span<const PartitionRange> ranges,
                                                   const std::stop_token& stop,
                                                   const ReadOptions& options) = 0;

  // What of the request cannot be read, as far as Resolve and Read have found.
  [[nodiscard]] virtual const std::vector<MissingRange>& missing() const = 0;

  // For the lanes: it never changes, since no rebalance takes a replay's partitions away.
  [[nodiscard]] virtual const std::atomic<std::uint64_t>& current_epoch() const noexcept = 0;

 private:
  class Impl;  // keeps librdkafka out of this header
};

}  // namespace usage_ingest::kafka::range
