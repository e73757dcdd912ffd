#pragma once
// ConsumerInbox: what lanes and the coordinator tell the consumer thread.
//
// The consumer thread does not wait: it takes what has come at each turn of its loop.
//
// Thread-safety Push* from any thread; Take from the consumer thread only.
// Limit         one Committed per batch and one answer per request: small by construction.
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "ingest/pipeline/record.h"
#include "schema/kafka_position.h"

namespace usage_ingest::pipeline {

// The batch that ends at next_offset is in PostgreSQL; Kafka's own offset may follow (INV-7).
struct Committed {
  const TopicPartition* source;
  Epoch epoch;
  Offset next_offset;
};

// Another owner has moved the offsets row, or the database has lost transactions: read all
// partitions again from the stored offsets, under a new epoch.
struct PositionsLost {
  Epoch epoch;
  std::string why;
};

// The coordinator's answer to PositionsRequest.
struct PositionsFound {
  Epoch epoch;
  std::vector<StoredOffset> positions;  // in the order of PositionsRequest::partitions
};

using ConsumerMessage = std::variant<Committed, PositionsLost, PositionsFound>;

class ConsumerInbox {
 public:
  ConsumerInbox();
  ~ConsumerInbox();
  void Push(ConsumerMessage message);
  [[nodiscard]] bool Take(ConsumerMessage& message);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Asked by the consumer thread when partitions are assigned (and again after PositionsLost).
// The coordinator answers by ConsumerInbox once PostgreSQL has, however long that takes; it writes
// the rows that are missing, all partitions of a topic in one transaction.
struct PositionsRequest {
  Epoch epoch;
  std::vector<const TopicPartition*> partitions;
  // For each topic in `partitions`: where every one of its partitions begins if the group has no
  // row of that topic at all (by `kafka.start`). A partition without a row in a topic that has
  // some is new, and begins at 0 whatever `start` says.
  std::map<std::string, std::map<PartitionId, Offset>> first_offsets;
  // Of each topic, asked before first_offsets. Stored with rows that are added.
  std::map<std::string, TopicId> topic_ids = {};
};

using RequestPositions = std::function<void(PositionsRequest)>;

}  // namespace usage_ingest::pipeline
