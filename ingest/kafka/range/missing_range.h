#pragma once
// MissingRange: offsets that were asked for and cannot be read, and why.
#include <cstdint>
#include <numeric>
#include <span>
#include <string_view>

#include "schema/kafka_position.h"

namespace usage_ingest::kafka::range {

enum class MissingReason : unsigned char {
  kDeleted,
  kTruncated,
  kBehindEnd,
  kOpenTransaction,
  kCorruptBatch,
};

struct MissingRange {
  TopicPartition source;
  Offset begin;
  Offset end;  // exclusive
  MissingReason reason{};
  // False: the range was asked for by time, so these records may be of another time.
  bool is_certain = true;
};

struct MissingReasonText {
  std::string_view name;  // in JSON
  std::string_view text;
};

[[nodiscard]] constexpr MissingReasonText TextOf(MissingReason reason) {
  switch (reason) {
    case MissingReason::kDeleted:
      return {"deleted", "Kafka has deleted them: retention, or a deletion of records"};
    case MissingReason::kTruncated:
      return {"truncated", "the log was truncated or the topic recreated while it was read"};
    case MissingReason::kBehindEnd:
      return {"behind_end",
              "the log ends before: it was truncated, the topic was recreated, or they were never "
              "written"};
    case MissingReason::kOpenTransaction:
      return {"open_transaction",
              "a producer's transaction is neither committed nor aborted; replay them when it is"};
    case MissingReason::kCorruptBatch:
      return {"corrupt_batch",
              "a batch on the broker's disk is damaged: repair the log and replay them, or import "
              "them from another source"};
  }
  return {};
}

// How many offsets are known to be gone for good.
[[nodiscard]] inline std::int64_t CountGone(std::span<const MissingRange> missing) {
  return std::accumulate(missing.begin(), missing.end(), std::int64_t{0},
                         [](std::int64_t sum, const MissingRange& range) {
                           const bool is_gone = range.reason == MissingReason::kDeleted ||
                                                range.reason == MissingReason::kTruncated;
                           if (!is_gone || !range.is_certain) return sum;
                           return sum + range.end.value - range.begin.value;
                         });
}

}  // namespace usage_ingest::kafka::range
