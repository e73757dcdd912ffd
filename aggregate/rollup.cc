#include "aggregate/rollup.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "schema/check.h"

namespace usage_ingest::aggregate {
namespace {

using Microseconds = std::chrono::sys_time<std::chrono::microseconds>;

constexpr std::array<std::string_view, 3> kPeriodNames = {"day", "hour", "month"};

// Adds [first, last), the hours of one (subscription, model), rolled up to `type`.
template <class Iterator>
void AppendPeriods(Iterator first, Iterator last, PeriodType type,
                   std::vector<SummaryDelta>& summaries) {
  for (Iterator group = first; group != last; ++group) {
    const EventTimeUs start = PeriodStart(type, group->key.hour);
    const bool is_new = group == first || summaries.back().period_start != start;
    if (is_new) {
      summaries.push_back({group->key.subscription_id, group->key.model_id, type, start, {}});
    }
    summaries.back().totals.Add(group->totals);
  }
}

}  // namespace

std::string_view Name(PeriodType type) { return kPeriodNames[static_cast<std::size_t>(type)]; }

EventTimeUs PeriodStart(PeriodType type, EventTimeUs time) {
  using std::chrono::days, std::chrono::floor, std::chrono::hours, std::chrono::microseconds;
  const Microseconds instant{microseconds(time.value)};
  Microseconds start;
  switch (type) {
    case PeriodType::kHour:
      start = floor<hours>(instant);
      break;
    case PeriodType::kDay:
      start = floor<days>(instant);
      break;
    case PeriodType::kMonth: {
      const std::chrono::year_month_day date{floor<days>(instant)};
      start = std::chrono::sys_days{date.year() / date.month() / 1};
      break;
    }
  }
  return EventTimeUs{start.time_since_epoch().count()};
}

void Rollup::Add(const UsageRow& row, QuotaUse use) {
  USAGE_INGEST_CHECK(!row.owner.subscription_id.is_nil());
  Group& group =
      index_.Find(GroupKey{.subscription_id = row.owner.subscription_id,
                           .model_id = row.event.model_id,
                           .hour = PeriodStart(PeriodType::kHour, row.event.created_at)});
  group.totals.Add(row.event);
  days_.Add(row);
  if (use == QuotaUse::kCounted) return;
  group.exempt_requests += row.event.is_request ? 1 : 0;
  group.exempt_tokens += row.event.request_tokens + row.event.response_tokens;
  group.exempt_cost.value += row.event.input_cost.value + row.event.output_cost.value;
}

Deltas Rollup::Take() {
  std::vector<Group>& groups = index_.groups();
  std::ranges::sort(groups, {}, &Group::key);
  Deltas deltas;
  deltas.days = days_.Take();
  deltas.summaries.reserve(groups.size() * 3);
  for (auto first = groups.begin(); first != groups.end();) {
    const auto last = std::find_if(first, groups.end(), [&](const Group& group) {
      return group.key.subscription_id != first->key.subscription_id ||
             group.key.model_id != first->key.model_id;
    });
    for (PeriodType type : {PeriodType::kDay, PeriodType::kHour, PeriodType::kMonth}) {
      AppendPeriods(first, last, type, deltas.summaries);
    }
    const Uuid& subscription_id = first->key.subscription_id;
    if (deltas.quotas.empty() || deltas.quotas.back().subscription_id != subscription_id) {
      deltas.quotas.push_back({.subscription_id = subscription_id});
    }
    for (; first != last; ++first) AddTo(deltas.quotas.back(), *first);
  }
  std::erase_if(deltas.quotas, [](const QuotaDelta& delta) {
    return delta.requests == 0 && delta.tokens == 0 && delta.cost == MicroCost{};
  });
  index_.Clear();
  return deltas;
}

void Rollup::AddTo(QuotaDelta& quota, const Group& group) {
  quota.requests += group.totals.requests - group.exempt_requests;
  quota.tokens += group.totals.request_tokens + group.totals.response_tokens - group.exempt_tokens;
  quota.cost.value += group.totals.cost.value - group.exempt_cost.value;
}

}  // namespace usage_ingest::aggregate
