#pragma once
// LogQueries: what the start sequence asks Kafka about logs.
//
// An interface, so that the sequence is tested without a broker.
//
// Errors        kUnavailable: ask again later.
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ingest/kafka/client/epoch_ends.h"
#include "ingest/kafka/client/topic_ids.h"
#include "ingest/kafka/client/watermarks.h"
#include "schema/error.h"
#include "schema/kafka_position.h"

namespace usage_ingest::kafka::consumer {

class LogQueries {
 public:
  using FirstOffsets = std::map<std::string, std::map<PartitionId, Offset>>;

  virtual ~LogQueries() = default;
  [[nodiscard]] virtual Result<client::TopicIds> QueryTopicIds(
      std::span<const std::string> topics) = 0;
  // For every partition of `topics`: where a group without an offsets row begins.
  [[nodiscard]] virtual Result<FirstOffsets> QueryFirstOffsets(
      std::span<const std::string> topics) = 0;
  // Both ends of each log, in the order of `partitions`.
  [[nodiscard]] virtual Result<std::vector<client::Watermarks>> QueryEnds(
      std::span<const TopicPartition* const> partitions) = 0;

  // As in client/epoch_ends.h.
  [[nodiscard]] virtual Result<std::vector<client::EpochEnd>> FindEpochEnds(
      std::span<const client::EpochSearch> searches) = 0;

  // QueryTopicIds without waiting: one request at a time, and its answer, once.
  virtual void RequestTopicIds(std::span<const std::string> topics) = 0;
  [[nodiscard]] virtual std::optional<Result<client::TopicIds>> TakeTopicIds() = 0;
  // The answer is not wanted any more.
  virtual void CancelTopicIds() = 0;
};

}  // namespace usage_ingest::kafka::consumer
