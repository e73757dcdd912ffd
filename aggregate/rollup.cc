#include "aggregate/rollup.h"

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <tuple>
#include <utility>

#include "schema/check.h"

namespace usage_ingest::aggregate {
namespace {

using Microseconds = std::chrono::sys_time<std::chrono::microseconds>;

constexpr std::array<std::string_view, 3> kPeriodNames = {"day", "hour", "month"};
constexpr std::size_t kInitialSlots = 1 << 14;

struct Group {
  Uuid subscription_id;
  std::string_view model_id;
  EventTimeUs hour;
  Totals totals;
  // What of the totals no quota counts.
  std::int64_t exempt_requests = 0;
  std::int64_t exempt_tokens = 0;
};

auto Key(const Group& group) { return std::tie(group.subscription_id, group.model_id, group.hour); }

std::size_t HashKey(const Uuid& subscription_id, EventTimeUs hour) {
  // The model is not hashed: a subscription has one, or a few when LiteLLM falls back.
  std::uint64_t low = 0;
  std::memcpy(&low, subscription_id.bytes.data() + 8, sizeof low);
  std::uint64_t mixed = (low ^ static_cast<std::uint64_t>(hour.value)) * 0x9E3779B97F4A7C15u;
  return static_cast<std::size_t>(mixed ^ (mixed >> 32));
}

void AddTo(QuotaDelta& quota, const Group& group) {
  quota.requests += group.totals.requests - group.exempt_requests;
  quota.tokens += group.totals.request_tokens + group.totals.response_tokens - group.exempt_tokens;
}

// Adds [first, last), the hours of one (subscription, model), rolled up to `type`.
template <class Iterator>
void AppendPeriods(Iterator first, Iterator last, PeriodType type,
                   std::vector<SummaryDelta>& summaries) {
  for (Iterator group = first; group != last; ++group) {
    const EventTimeUs start = PeriodStart(type, group->hour);
    const bool is_new = group == first || summaries.back().period_start != start;
    if (is_new) {
      summaries.push_back({group->subscription_id, group->model_id, type, start, {}});
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

void Totals::Add(const UsageEvent& event) {
  request_tokens += event.request_tokens;
  response_tokens += event.response_tokens;
  cost.value += event.input_cost.value + event.output_cost.value;
  if (!event.is_request) return;
  ++requests;
  errors += event.status_code >= 400 ? 1 : 0;
  latency_ms_sum += event.latency_ms.value_or(0);
  latency_count += event.latency_ms.has_value() ? 1 : 0;
}

void Totals::Add(const Totals& other) {
  requests += other.requests;
  errors += other.errors;
  request_tokens += other.request_tokens;
  response_tokens += other.response_tokens;
  latency_ms_sum += other.latency_ms_sum;
  latency_count += other.latency_count;
  cost.value += other.cost.value;
}

// An open-addressing index over a dense vector: adding a row touches one slot and one group, and
// Take() sorts the vector. std::unordered_map cost three times that in allocation alone.
struct Rollup::Impl {
  std::vector<Group> groups;
  std::vector<std::uint32_t> slots = std::vector<std::uint32_t>(kInitialSlots, 0);  // index + 1

  Group& Find(const UsageRow& row, EventTimeUs hour) {
    if ((groups.size() + 1) * 2 > slots.size()) Grow();
    const std::size_t mask = slots.size() - 1;
    std::size_t slot = HashKey(row.owner.subscription_id, hour) & mask;
    while (slots[slot] != 0) {
      Group& group = groups[slots[slot] - 1];
      if (group.hour == hour && group.subscription_id == row.owner.subscription_id &&
          group.model_id == row.event.model_id) {
        return group;
      }
      slot = (slot + 1) & mask;
    }
    groups.push_back({row.owner.subscription_id, row.event.model_id, hour, {}, 0, 0});
    slots[slot] = static_cast<std::uint32_t>(groups.size());
    return groups.back();
  }

  void Grow() {
    std::vector<std::uint32_t> larger(slots.size() * 2, 0);
    const std::size_t mask = larger.size() - 1;
    for (std::size_t i = 0; i < groups.size(); ++i) {
      std::size_t slot = HashKey(groups[i].subscription_id, groups[i].hour) & mask;
      while (larger[slot] != 0) slot = (slot + 1) & mask;
      larger[slot] = static_cast<std::uint32_t>(i + 1);
    }
    slots = std::move(larger);
  }
};

Rollup::Rollup() : impl_(std::make_unique<Impl>()) {}
Rollup::~Rollup() = default;
Rollup::Rollup(Rollup&&) noexcept = default;
Rollup& Rollup::operator=(Rollup&&) noexcept = default;

void Rollup::Add(const UsageRow& row, QuotaUse use) {
  USAGE_INGEST_CHECK(!row.owner.subscription_id.is_nil());
  Group& group = impl_->Find(row, PeriodStart(PeriodType::kHour, row.event.created_at));
  group.totals.Add(row.event);
  if (use == QuotaUse::kCounted) return;
  group.exempt_requests += row.event.is_request ? 1 : 0;
  group.exempt_tokens += row.event.request_tokens + row.event.response_tokens;
}

Deltas Rollup::Take() {
  std::vector<Group>& groups = impl_->groups;
  std::sort(groups.begin(), groups.end(),
            [](const Group& a, const Group& b) { return Key(a) < Key(b); });
  Deltas deltas;
  deltas.summaries.reserve(groups.size() * 3);
  for (auto first = groups.begin(); first != groups.end();) {
    const auto last = std::find_if(first, groups.end(), [&](const Group& group) {
      return group.subscription_id != first->subscription_id || group.model_id != first->model_id;
    });
    for (PeriodType type : {PeriodType::kDay, PeriodType::kHour, PeriodType::kMonth}) {
      AppendPeriods(first, last, type, deltas.summaries);
    }
    if (deltas.quotas.empty() || deltas.quotas.back().subscription_id != first->subscription_id) {
      deltas.quotas.push_back({first->subscription_id, 0, 0});
    }
    for (; first != last; ++first) AddTo(deltas.quotas.back(), *first);
  }
  std::erase_if(deltas.quotas,
                [](const QuotaDelta& delta) { return delta.requests == 0 && delta.tokens == 0; });
  groups.clear();
  std::fill(impl_->slots.begin(), impl_->slots.end(), 0);
  return deltas;
}

}  // namespace usage_ingest::aggregate
