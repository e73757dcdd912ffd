#pragma once
// Assignment: the partitions that the group assigned to us, and the epoch that they are read in.
//
// Owner         the consumer thread.
// Thread-safety current_epoch() from any thread; everything else on the owner's.
#include <atomic>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ingest/kafka/client/handles.h"
#include "ingest/kafka/client/partition_table.h"
#include "ingest/kafka/consumer/assigned_partition.h"
#include "ingest/pipeline/consumer_inbox.h"

namespace usage_ingest::kafka::consumer {

class Assignment {
 public:
  explicit Assignment(std::size_t lanes) : lanes_(lanes) {}

  // Lanes drop the records of the epoch that ends here.
  void EndEpoch() {
    // release: pairs with the acquire in the lanes
    epoch_.fetch_add(1, std::memory_order_release);
  }
  [[nodiscard]] pipeline::Epoch epoch() const {
    return pipeline::Epoch{epoch_.load(std::memory_order_relaxed)};
  }
  [[nodiscard]] const std::atomic<std::uint64_t>& current_epoch() const { return epoch_; }

  void Set(std::span<const std::pair<std::string, PartitionId>> partitions);
  // The same partitions as if just assigned: nothing read, nothing known.
  void Reset();
  // A batch is in PostgreSQL. False when it belongs to an older epoch or to a partition that is not
  // assigned: then the records of this assignment are not stored yet.
  [[nodiscard]] bool OnCommitted(const pipeline::Committed& committed);

  // Null when the message is not of an assigned partition.
  [[nodiscard]] AssignedPartition* Find(const rd_kafka_message_t& message);

  [[nodiscard]] std::span<AssignedPartition> partitions() { return partitions_; }
  [[nodiscard]] std::span<const TopicPartition* const> sources() const { return sources_; }
  // Lives as long as this.
  [[nodiscard]] const TopicId* Intern(const TopicId& id) { return table_.Intern(id); }
  [[nodiscard]] bool empty() const { return sources_.empty(); }

 private:
  std::size_t lanes_;
  std::atomic<std::uint64_t> epoch_{0};
  client::PartitionTable table_;
  std::vector<const TopicPartition*> sources_;
  std::vector<AssignedPartition> partitions_;  // in the order of sources_
  // librdkafka keeps one topic object while one of the topic's partitions is assigned, so until the
  // next Reset the address identifies the topic.
  std::map<std::pair<const rd_kafka_topic_t*, std::int32_t>, std::size_t> by_handle_;
  std::pair<const rd_kafka_topic_t*, std::int32_t> last_key_{};
  AssignedPartition* last_ = nullptr;
};

}  // namespace usage_ingest::kafka::consumer
