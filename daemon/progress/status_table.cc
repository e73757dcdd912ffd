#include "daemon/progress/status_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <limits>
#include <map>
#include <ostream>
#include <vector>

#include "daemon/progress/daemon_answer.h"
#include "daemon/text/text_table.h"

namespace usage_ingest::progress {
namespace {

namespace json = boost::json;
using Align = text::TextTable::Align;

std::int64_t IntOf(const json::object& object, std::string_view key) {
  return static_cast<std::int64_t>(NumberOf(object, key));
}

struct Row {
  StoredPartition stored;
  std::optional<json::object> live;  // nullopt: no daemon answers for it
};

std::vector<Row> Rows(const json::object& daemon, const std::optional<StoredProgress>& stored) {
  std::map<TopicPartition, Row> rows;
  if (stored) {
    for (const auto& each : stored->partitions) rows[each.source].stored = each;
  }
  const json::value* list = daemon.if_contains("partitions");
  if (list != nullptr && list->is_array()) {
    for (const json::value& each : list->as_array()) {
      if (!each.is_object()) continue;
      const json::object& live = each.as_object();
      const auto number = static_cast<std::int32_t>(IntOf(live, "partition"));
      const TopicPartition source{TextOf(live, "topic"), PartitionId{number}};
      Row& row = rows[source];
      if (row.stored.source.topic.empty()) {
        row.stored = {source, IntOf(live, "next_offset"), {}, {}};
      }
      row.live = live;
    }
  }
  std::vector<Row> sorted;
  for (auto& [source, row] : rows) sorted.push_back(std::move(row));
  return sorted;
}

// An unknown lag is before every known one; what no daemon answers for is last.
double LagOrder(const Row& row) {
  if (!row.live) return -1;
  if (IsUnknown(*row.live, "lag_records")) return std::numeric_limits<double>::infinity();
  return NumberOf(*row.live, "lag_records");
}

std::string CatchUp(const json::object& live) {
  if (IsUnknown(live, "lag_records") || !live.contains("catch_up_seconds")) return "unknown";
  if (IsUnknown(live, "catch_up_seconds")) return "not falling";
  const double seconds = NumberOf(live, "catch_up_seconds");
  return seconds == 0 ? "yes" : "in " + text::Roughly(seconds);
}

// Records are left out: they differ from events only where a record holds several or none.
bool IsShown(const EventCountColumn& column) { return column.value != &EventCounts::records; }

std::vector<std::string> Cells(const std::string& topic, const std::string& partition,
                               const std::string& next_offset,
                               const std::optional<json::object>& live,
                               const std::optional<EventCounts>& counts) {
  std::vector<std::string> cells = {topic, partition, next_offset};
  for (std::string& cell : LiveCells(live)) cells.push_back(std::move(cell));
  for (const EventCountColumn& column : kEventCountColumns) {
    if (!IsShown(column)) continue;
    cells.push_back(counts ? text::Grouped((*counts).*column.value) : "unknown");
  }
  return cells;
}

std::vector<text::TextTable::Column> Columns() {
  std::vector<text::TextTable::Column> columns = {
      {"topic", Align::kLeft}, {"partition"}, {"next offset"}};
  for (const std::string_view title : kLiveTitles) columns.push_back({std::string(title)});
  for (const EventCountColumn& column : kEventCountColumns) {
    if (IsShown(column)) columns.push_back({std::string(column.title)});
  }
  return columns;
}

}  // namespace

std::vector<std::string> LiveCells(const std::optional<json::object>& live) {
  if (!live) return {"-", "-", "-", "-", "-"};
  const auto known = [&](std::string_view key, std::string text) {
    return IsUnknown(*live, key) ? std::string("unknown") : std::move(text);
  };
  return {known("lag_records", text::Grouped(IntOf(*live, "lag_records"))),
          known("lag_seconds", text::Roughly(NumberOf(*live, "lag_seconds"))), CatchUp(*live),
          known("rate", fmt::format("{:.0f}", NumberOf(*live, "rate"))),
          known("batches", text::Grouped(IntOf(*live, "batches")))};
}

void PrintPartitions(std::ostream& out, const json::object& daemon,
                     const std::optional<StoredProgress>& stored) {
  std::vector<Row> rows = Rows(daemon, stored);
  if (rows.empty()) {
    const bool is_known = stored || !daemon.empty();
    out << (is_known ? "no partition has been read yet\n" : "the progress is unknown\n");
    return;
  }
  std::ranges::stable_sort(rows, std::greater<>(), LagOrder);
  text::TextTable table(Columns());
  // Only PostgreSQL has the counts.
  const auto known = [&](const EventCounts& counts) {
    return stored ? std::optional(counts) : std::nullopt;
  };
  EventCounts counts;
  for (const Row& row : rows) {
    counts.Add(row.stored.outcomes);
    table.AddRow(Cells(row.stored.source.topic, std::to_string(row.stored.source.partition.value),
                       text::Grouped(row.stored.next_offset), row.live,
                       known(row.stored.outcomes)));
  }
  const json::value* totals = daemon.if_contains("totals");
  const bool has_totals = totals != nullptr && totals->is_object();
  table.AddRow(Cells("total", std::to_string(rows.size()), "",
                     has_totals ? std::optional(totals->as_object()) : std::nullopt,
                     known(counts)));
  table.Print(out);
}

}  // namespace usage_ingest::progress
