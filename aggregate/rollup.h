#pragma once
// Rollup: what the rows of one transaction add to summaries and quotas.
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
#include <memory>
#include <string_view>
#include <vector>

#include "schema/usage_event.h"

namespace usage_ingest::aggregate {

// In the order of their names, which is the order of the unique key in the database.
enum class PeriodType : unsigned char { kDay, kHour, kMonth };
[[nodiscard]] std::string_view Name(PeriodType type);

// Start of the UTC period that holds `time`.
[[nodiscard]] EventTimeUs PeriodStart(PeriodType type, EventTimeUs time);

// Each member is in a column of summary_columns.h.
struct Totals {
  std::int64_t requests = 0;  // rows with is_request; so are errors and latencies
  std::int64_t errors = 0;    // status_code >= 400
  std::int64_t request_tokens = 0;
  std::int64_t response_tokens = 0;
  std::int64_t latency_ms_sum = 0;  // over known latencies only
  std::int64_t latency_count = 0;
  MicroCost cost;

  void Add(const UsageEvent& event);
  void Add(const Totals& other);
  friend bool operator==(const Totals&, const Totals&) = default;
};

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
  std::int64_t requests;
  std::int64_t tokens;
};

struct Deltas {
  std::vector<SummaryDelta> summaries;  // sorted by (subscription, model, period type, start)
  std::vector<QuotaDelta> quotas;       // sorted by subscription; none that adds nothing
};

class Rollup {
 public:
  Rollup();
  ~Rollup();
  Rollup(Rollup&&) noexcept;
  Rollup& operator=(Rollup&&) noexcept;

  void Add(const UsageRow& row, QuotaUse use = QuotaUse::kCounted);
  // Returns the sums so far, and starts again from zero.
  [[nodiscard]] Deltas Take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::aggregate
