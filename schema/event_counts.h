#pragma once
// EventCounts: how many records and events were read, and what became of the events.
//
// Every place that lists the counts (sums, JSON, SQL columns and parameters, tables) walks
// kEventCountColumns, so that a new count is one member and one line here, and a migration.
//
// Invariants    INV-1 each event has exactly one outcome: events is the sum of the columns that
//               have an outcome label.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace usage_ingest {

struct EventCounts {
  std::int64_t records = 0;
  std::int64_t events = 0;
  std::int64_t inserted = 0;
  std::int64_t duplicates = 0;
  std::int64_t dead_lettered = 0;
  std::int64_t skipped = 0;
  std::int64_t gap_records = 0;

  constexpr void Add(const EventCounts& other);
  [[nodiscard]] constexpr bool balances() const;  // INV-1
  friend bool operator==(const EventCounts&, const EventCounts&) = default;
};

struct EventCountColumn {
  std::string_view name;  // in usage_ingest.kafka_offsets and in JSON
  std::int64_t EventCounts::* value;
  std::string_view title;    // heading of a table for people
  std::string_view outcome;  // label value of usage_ingest_events_total; empty: not an outcome
};

inline constexpr std::array kEventCountColumns = {
    EventCountColumn{"records", &EventCounts::records, "records", ""},
    EventCountColumn{"events", &EventCounts::events, "events", ""},
    EventCountColumn{"inserted", &EventCounts::inserted, "inserted", "inserted"},
    EventCountColumn{"duplicates", &EventCounts::duplicates, "duplicates", "duplicate"},
    EventCountColumn{"dead_lettered", &EventCounts::dead_lettered, "dead letters", "dead_letter"},
    EventCountColumn{"skipped", &EventCounts::skipped, "skipped", "skipped"},
    EventCountColumn{"gap_records", &EventCounts::gap_records, "lost", ""},
};
static_assert(sizeof(EventCounts) == kEventCountColumns.size() * sizeof(std::int64_t),
              "a member without a line in kEventCountColumns");

// The columns that have an outcome label, in the same order.
inline constexpr auto kEventOutcomeColumns = [] {
  constexpr auto kHasOutcome = [](const EventCountColumn& column) {
    return !column.outcome.empty();
  };
  std::array<EventCountColumn, std::ranges::count_if(kEventCountColumns, kHasOutcome)> columns{};
  std::ranges::copy_if(kEventCountColumns, columns.begin(), kHasOutcome);
  return columns;
}();

constexpr void EventCounts::Add(const EventCounts& other) {
  for (const EventCountColumn& column : kEventCountColumns) {
    this->*column.value += other.*column.value;
  }
}

constexpr bool EventCounts::balances() const {
  std::int64_t with_outcome = 0;
  for (const EventCountColumn& column : kEventOutcomeColumns) {
    with_outcome += this->*column.value;
  }
  return events == with_outcome;
}

// SQL: what `write` makes of each column name, separated by commas.
template <class Write>
[[nodiscard]] std::string JoinEventCountColumns(Write write) {
  std::string joined;
  for (const EventCountColumn& column : kEventCountColumns) {
    if (!joined.empty()) joined += ", ";
    joined += write(column.name);
  }
  return joined;
}

}  // namespace usage_ingest
