#include "daemon/replay/replay_report.h"

#include <fmt/format.h>

#include <iostream>
#include <string>

#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"

namespace usage_ingest::replay {
namespace {

using kafka::range::MissingRange;

EventCounts CountsOf(const ReplayReport& report) {
  EventCounts counts = report.outcomes;
  if (report.missing) counts.gap_records = kafka::range::CountGone(*report.missing);
  return counts;
}

// Only Kafka has gaps.
bool IsReported(const EventCountColumn& column, const ReplayReport& report) {
  return column.value != &EventCounts::gap_records || report.missing.has_value();
}

void WarnOf(const MissingRange& missing) {
  fmt::print(stderr, "warning: partition {}: offsets {} to {} are missing{}: {}\n",
             missing.source.partition.value, missing.begin.value, missing.end.value,
             missing.is_certain ? "" : " and may be of the range",
             kafka::range::TextOf(missing.reason).text);
}

void WriteMissing(text::JsonWriter& json, const std::vector<MissingRange>& missing) {
  json.Key("missing").BeginArray();
  for (const MissingRange& range : missing) {
    json.BeginObject().Key("partition").Int(range.source.partition.value);
    json.Key("from_offset").Int(range.begin.value).Key("to_offset").Int(range.end.value);
    json.Key("reason").String(kafka::range::TextOf(range.reason).name);
    json.Key("certain").Bool(range.is_certain).EndObject();
  }
  json.EndArray();
}

void PrintJson(const ReplayReport& report, const EventCounts& counts) {
  text::JsonWriter json;
  json.BeginObject();
  for (const EventCountColumn& column : kEventCountColumns) {
    if (IsReported(column, report)) json.Key(column.name).Int(counts.*column.value);
  }
  if (report.missing) WriteMissing(json, *report.missing);
  json.Key("dry_run").Bool(report.dry_run);
  json.EndObject();
  std::cout << json.Take() << '\n';
}

void PrintTable(const ReplayReport& report, const EventCounts& counts) {
  text::TextTable table(
      {{report.dry_run ? "would be" : "what", text::TextTable::Align::kLeft}, {"count"}});
  for (const EventCountColumn& column : kEventCountColumns) {
    if (!IsReported(column, report)) continue;
    table.AddRow({std::string(column.name), std::to_string(counts.*column.value)});
  }
  table.Print(std::cout);
}

}  // namespace

void PrintReplayReport(const ReplayReport& report, bool as_json) {
  const EventCounts counts = CountsOf(report);
  if (as_json) {
    PrintJson(report, counts);
  } else {
    PrintTable(report, counts);
  }
  if (!report.missing) return;
  for (const MissingRange& missing : *report.missing) WarnOf(missing);
}

}  // namespace usage_ingest::replay
