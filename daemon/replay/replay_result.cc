#include "daemon/replay/replay_result.h"

#include <array>
#include <iostream>
#include <string>
#include <string_view>
#include <utility>

#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"

namespace usage_ingest::replay {

void PrintReplayReport(const ReplayReport& report, bool as_json) {
  const pipeline::Outcomes& outcomes = report.outcomes;
  const std::array<std::pair<std::string_view, std::int64_t>, 6> figures = {{
      {"records", outcomes.records},
      {"events", outcomes.events},
      {"inserted", outcomes.inserted},
      {"duplicates", outcomes.duplicates},
      {"dead_lettered", outcomes.dead_lettered},
      {"skipped", outcomes.skipped},
  }};
  if (as_json) {
    text::JsonWriter json;
    json.BeginObject();
    for (const auto& [name, value] : figures) json.Key(name).Int(value);
    json.Key("dry_run").Bool(report.dry_run);
    json.EndObject();
    std::cout << json.Take() << '\n';
    return;
  }
  text::TextTable table(
      {{report.dry_run ? "would be" : "what", text::TextTable::Align::kLeft}, {"count"}});
  for (const auto& [name, value] : figures) {
    table.AddRow({std::string(name), std::to_string(value)});
  }
  table.Print(std::cout);
}

}  // namespace usage_ingest::replay
