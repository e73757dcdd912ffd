#include "daemon/replay/replay_result.h"

#include <iostream>
#include <string>

#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"

namespace usage_ingest::replay {
namespace {

// A replay reads a range of offsets and does not count the records that Kafka has deleted from it.
bool IsReported(const EventCountColumn& column) {
  return column.value != &EventCounts::gap_records;
}

}  // namespace

void PrintReplayReport(const ReplayReport& report, bool as_json) {
  if (as_json) {
    text::JsonWriter json;
    json.BeginObject();
    for (const EventCountColumn& column : kEventCountColumns) {
      if (IsReported(column)) json.Key(column.name).Int(report.outcomes.*column.value);
    }
    json.Key("dry_run").Bool(report.dry_run);
    json.EndObject();
    std::cout << json.Take() << '\n';
    return;
  }
  text::TextTable table(
      {{report.dry_run ? "would be" : "what", text::TextTable::Align::kLeft}, {"count"}});
  for (const EventCountColumn& column : kEventCountColumns) {
    if (!IsReported(column)) continue;
    table.AddRow({std::string(column.name), std::to_string(report.outcomes.*column.value)});
  }
  table.Print(std::cout);
}

}  // namespace usage_ingest::replay
