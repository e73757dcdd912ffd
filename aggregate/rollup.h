#pragma once
// Rollup: what the rows of one transaction add to summaries, to the history and to quotas.
//
// The seed's trigger updates a summary and a subscription for every row, so a busy subscription
// makes as many versions of its own row. Here a transaction adds each group once.
//
// Owner         a batch; single-threaded. Time is in the rows: there is no clock here.
// Shape         Take() returns deltas sorted by key, because every writer must lock summaries and
//               subscriptions in the same order.
// Limit         one group for each (subscription, model, hour) of the batch: at most its rows.
// Source        seed schema, update_usage_summary().
#include <compare>
#include <cstdint>
#include <string_view>
#include <vector>

#include "aggregate/daily_usage.h"
#include "aggregate/group_index.h"
#include "aggregate/totals.h"
#include "schema/usage_event.h"

namespace usage_ingest::aggregate {

// In the order of their names, which is the order of the unique key in the database.
enum class PeriodType : unsigned char { kDay, kHour, kMonth };
[[nodiscard]] std::string_view Name(PeriodType type);

// Start of the UTC period that holds `time`.
[[nodiscard]] EventTimeUs PeriodStart(PeriodType type, EventTimeUs time);

struct SummaryDelta {
  Uuid subscription_id;
  std::string_view model_id;  // in the arena of the rows
  PeriodType period_type;
  EventTimeUs period_start;
  Totals totals;
};

// Whether a row is a use of its subscription's quota.
enum class QuotaUse : unsigned char { kCounted, kNotCounted };

struct QuotaDelta {
  Uuid subscription_id;
  std::int64_t requests = 0;
  std::int64_t tokens = 0;
  MicroCost cost = {};
};

struct Deltas {
  std::vector<SummaryDelta> summaries;  // sorted by (subscription, model, period type, start)
  std::vector<DailyDelta> days;         // sorted by their keys
  std::vector<QuotaDelta> quotas;       // sorted by subscription; none that adds nothing
};

class Rollup {
 public:
  void Add(const UsageRow& row, QuotaUse use = QuotaUse::kCounted);
  // Returns the sums so far, and starts again from zero.
  [[nodiscard]] Deltas Take();

 private:
  struct GroupKey {
    Uuid subscription_id;
    std::string_view model_id;
    EventTimeUs hour;

    [[nodiscard]] std::size_t Hash() const noexcept {
      // The model is not hashed: a subscription has one, or a few when LiteLLM falls back.
      return MixHash(subscription_id.word(1) ^ static_cast<std::uint64_t>(hour.value));
    }
    friend auto operator<=>(const GroupKey&, const GroupKey&) = default;
    friend bool operator==(const GroupKey&, const GroupKey&) = default;
  };
  struct Group {
    explicit Group(const GroupKey& of) : key(of) {}
    GroupKey key;
    Totals totals = {};
    // What of the totals no quota counts.
    std::int64_t exempt_requests = 0;
    std::int64_t exempt_tokens = 0;
    MicroCost exempt_cost = {};
  };
  static void AddTo(QuotaDelta& quota, const Group& group);

  GroupIndex<Group> index_;
  DailyRollup days_;
};

}  // namespace usage_ingest::aggregate
