#pragma once
// PartitionPlan: what partitions of usage_logs cover, how many are made in advance, and how long
// they are kept ([partitions] of the configuration).
//
// `by` takes effect with `migrate`, which stores it in usage_ingest.partitioning: all daemons, with
// whatever configuration, must make the same partitions.
#include <cstdint>
#include <string_view>

namespace usage_ingest::postgres::batch {

enum class PartitionUnit : unsigned char { kMonth, kDay };

[[nodiscard]] constexpr std::string_view NameOf(PartitionUnit unit) {
  return unit == PartitionUnit::kDay ? "day" : "month";
}

struct PartitionPlan {
  PartitionUnit by = PartitionUnit::kMonth;
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
