#pragma once
// PartitionPlan: what partitions of usage_logs cover, how many are made in advance, and how long
// they are kept ([partitions] of the configuration).
//
// `by` and `indexes` take effect with `migrate`, which stores them in usage_ingest.partitioning:
// all daemons, with whatever configuration, must make the same partitions.
#include <chrono>
#include <cstdint>
#include <string_view>

namespace usage_ingest::postgres::batch {

enum class PartitionUnit : unsigned char { kMonth, kDay };

[[nodiscard]] constexpr std::string_view NameOf(PartitionUnit unit) {
  return unit == PartitionUnit::kDay ? "day" : "month";
}

// When a partition gets the indexes beside its key: kDeferred, when its day is over
// (schema/sql/0036_defer_indexes.sql).
enum class IndexTime : unsigned char { kImmediate, kDeferred };

[[nodiscard]] constexpr std::string_view NameOf(IndexTime time) {
  return time == IndexTime::kDeferred ? "deferred" : "immediate";
}

struct PartitionPlan {
  PartitionUnit by = PartitionUnit::kMonth;
  IndexTime indexes = IndexTime::kImmediate;  // kDeferred only with kDay
  // With kDeferred: how long after the end of its day a partition waits for late events.
  std::chrono::milliseconds index_after = std::chrono::hours(1);
  int months_ahead = 3;  // with kMonth
  int days_ahead = 30;   // with kDay
  // What is kept beside the current month, or with days beside the current day: the sum of both. 0
  // and 0 keep everything.
  int retention_months = 0;
  int retention_days = 0;

  [[nodiscard]] bool keeps_everything() const {
    return retention_months == 0 && retention_days == 0;
  }
  friend bool operator==(const PartitionPlan&, const PartitionPlan&) = default;
};

}  // namespace usage_ingest::postgres::batch
