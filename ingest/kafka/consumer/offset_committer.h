#pragma once
// OffsetCommitter: which offsets to commit to Kafka, and when.
//
// Kafka's own offsets are for lag tools only: they follow what lanes report as stored in
// PostgreSQL, and never pass it (INV-7). A commit that fails is tried again with the next one.
//
// Owner         the consumer thread. Time is an argument.
// Limit         one request under way; one entry for each partition of the epoch.
#include <chrono>
#include <map>
#include <utility>
#include <vector>

#include "schema/kafka_position.h"
#include "schema/limits.h"

namespace usage_ingest::kafka::consumer {

class OffsetCommitter {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;
  using Offsets = std::vector<std::pair<const TopicPartition*, Offset>>;

  // PostgreSQL holds `next` for this partition.
  void Report(const TopicPartition* source, Offset next) { stored_[source] = next; }
  // What to send now; empty when nothing changed, a request is under way, or it is too early.
  [[nodiscard]] Offsets TakeDue(TimePoint now);
  // The same, whatever the time and whatever is under way: before the partitions are given up.
  [[nodiscard]] Offsets TakeAll();
  // The answer to the request that is under way.
  void OnAnswer(bool succeeded);
  // The partitions are not ours any more.
  void Clear();

 private:
  // A request whose answer got lost (the coordinator's connection went down) is not waited for, and
  // counts as failed: it may be the last one for a long time, and lag tools would be wrong so long.
  static constexpr auto kAnswerTimeout = std::chrono::seconds(15);

  std::map<const TopicPartition*, Offset> stored_;
  std::map<const TopicPartition*, Offset> sent_;
  bool is_under_way_ = false;
  TimePoint last_sent_;
};

}  // namespace usage_ingest::kafka::consumer
