#pragma once
// DailyUsage: what the rows of one transaction add to the history, usage_ingest.usage_daily.
//
// Rows and summaries are deleted with their subscription, and summaries know neither key nor team.
// The history has one row for each UTC day, subscription, key, team and model, and no foreign key.
//
// Owner         a roll-up; single-threaded. Time is in the rows: there is no clock here.
// Shape         Take() returns deltas sorted by key: the order in which every writer locks.
// Limit         at most one group for each row of the batch.
#include <compare>
#include <cstdint>
#include <string_view>
#include <vector>

#include "aggregate/group_index.h"
#include "aggregate/totals.h"
#include "schema/usage_event.h"

namespace usage_ingest::aggregate {

// Each member is in a column of daily_columns.h.
struct DailyTotals {
  Totals totals;
  std::int64_t cached_tokens = 0;
  std::int64_t reasoning_tokens = 0;

  void Add(const UsageEvent& event);
  void Add(const DailyTotals& other);
  friend bool operator==(const DailyTotals&, const DailyTotals&) = default;
};

// Days since 1970-01-01 of the UTC day that holds `time`.
[[nodiscard]] std::int32_t DayOf(EventTimeUs time);

// In the order in which every writer locks the rows of the history.
struct DailyKey {
  Uuid subscription_id;
  std::int32_t day = 0;            // days since 1970-01-01
  Uuid api_key_id;                 // nil: none
  Uuid team_id;                    // nil: none
  std::string_view model_id = {};  // in the arena of the rows

  [[nodiscard]] std::size_t Hash() const noexcept;
  friend auto operator<=>(const DailyKey&, const DailyKey&) = default;
  friend bool operator==(const DailyKey&, const DailyKey&) = default;
};

struct DailyDelta {
  explicit DailyDelta(const DailyKey& of) : key(of) {}
  DailyKey key;
  DailyTotals totals = {};
};

class DailyRollup {
 public:
  void Add(const UsageRow& row);
  // Returns the sums so far, and starts again from zero.
  [[nodiscard]] std::vector<DailyDelta> Take();

 private:
  GroupIndex<DailyDelta> index_;
};

}  // namespace usage_ingest::aggregate
