#pragma once
// RangePlan: which offsets of a partition are read for a request, and which are missing.
//
// By time, the range begins with the first record that is young enough and ends with the log: the
// timestamps of a topic need not be in order, so each record's own one decides.
#include <optional>
#include <vector>

#include "ingest/kafka/range/missing_range.h"

namespace usage_ingest::kafka::range {

struct AskedRange {
  Offset begin;
  std::optional<Offset> end = std::nullopt;  // exclusive; nothing: the log's end
  bool is_by_time = false;
};

// What can be read is [low, stable); behind it, up to `high`, are open transactions.
struct LogBounds {
  Offset low;
  Offset stable;
  Offset high;
};

struct RangePlan {
  Offset begin;
  Offset end;  // exclusive
  std::vector<MissingRange> missing = {};
};

[[nodiscard]] RangePlan PlanRange(const TopicPartition& source, const AskedRange& asked,
                                  const LogBounds& log);

}  // namespace usage_ingest::kafka::range
