#pragma once
// ChangedLogs: partitions whose record before next_offset was read and differs from what PostgreSQL
// remembers of it, so their log is not the one that was read.
//
// The finding is about one offset. When the offsets row has moved by the next start, another
// process compared the record at the new offset, and the finding is out of date.
//
// Owner         the consumer thread.
// Limit         one entry for each partition that was ever assigned.
#include <map>

#include "schema/kafka_position.h"

namespace usage_ingest::kafka::consumer {

class ChangedLogs {
 public:
  void Mark(const TopicPartition* source, Offset next_offset) { marked_[source] = next_offset; }
  [[nodiscard]] bool Contains(const TopicPartition* source, Offset next_offset) const {
    const auto marked = marked_.find(source);
    return marked != marked_.end() && marked->second == next_offset;
  }
  void Clear() { marked_.clear(); }

 private:
  std::map<const TopicPartition*, Offset> marked_;
};

}  // namespace usage_ingest::kafka::consumer
