#include <iostream>
#include <optional>

#include "daemon/json_writer.h"
#include "daemon/progress_bar.h"
#include "daemon/text_table.h"
#include "daemon/verb_support.h"
#include "daemon/verbs.h"
#include "ingest/postgres/summary_admin.h"

namespace usage_ingest::daemon {
namespace {

using Align = TextTable::Align;

std::string_view KindOf(const ingest::SummaryDifference& difference) {
  if (difference.row_missing) return "missing";
  return difference.row_unfounded ? "no usage behind it" : "different";
}

// One line for each column that differs.
void PrintDifferences(const ingest::VerifyReport& report) {
  TextTable table({{"subscription", Align::kLeft},
                   {"model", Align::kLeft},
                   {"period", Align::kLeft},
                   {"start", Align::kLeft},
                   {"what", Align::kLeft},
                   {"column", Align::kLeft},
                   {"is"},
                   {"should be"}});
  for (const auto& each : report.differences) {
    for (std::size_t i = 0; i < ingest::kSummaryColumnNames.size(); ++i) {
      if (each.expected[i] == each.actual[i]) continue;
      table.AddRow({each.subscription_id, each.model_id, each.period_type, each.period_start,
                    std::string(KindOf(each)), std::string(ingest::kSummaryColumnNames[i]),
                    each.actual[i].empty() ? "-" : each.actual[i],
                    each.expected[i].empty() ? "-" : each.expected[i]});
    }
  }
  if (!table.empty()) table.Print(std::cout);
}

void WriteColumns(JsonWriter& json, std::string_view key,
                  const std::array<std::string, 9>& values) {
  json.Key(key).BeginObject();
  for (std::size_t i = 0; i < values.size(); ++i) {
    json.Key(ingest::kSummaryColumnNames[i]);
    if (values[i].empty()) {
      json.Null();
    } else {
      json.String(values[i]);  // numeric(18,6) is no double
    }
  }
  json.EndObject();
}

void PrintJson(const ingest::VerifyReport& report) {
  JsonWriter json;
  json.BeginObject();
  json.Key("periods").Int(report.chunks_done);
  json.Key("rows_compared").Int(report.rows_compared);
  json.Key("rows_different").Int(report.rows_different);
  json.Key("rows_missing").Int(report.rows_missing);
  json.Key("rows_unfounded").Int(report.rows_unfounded);
  json.Key("differences").BeginArray();
  for (const auto& each : report.differences) {
    json.BeginObject();
    json.Key("subscription_id").String(each.subscription_id);
    json.Key("model_id").String(each.model_id);
    json.Key("period_type").String(each.period_type);
    json.Key("period_start").String(each.period_start);
    json.Key("what").String(KindOf(each));
    WriteColumns(json, "expected", each.expected);
    WriteColumns(json, "actual", each.actual);
    json.EndObject();
  }
  json.EndArray().EndObject();
  std::cout << json.Take() << '\n';
}

int Verify(ingest::SyncConnection& connection, const SummariesOptions& options) {
  ProgressBar progress("days and months");
  ingest::VerifyOptions verify;
  verify.range = {options.from, options.to};
  verify.progress = [&](std::int64_t done, std::int64_t total) { progress.Update(done, total); };
  const auto report = ValueOrThrow(ingest::VerifySummaries(connection, verify), "usage_summaries");
  progress.Clear();
  if (options.json) {
    PrintJson(report);
  } else {
    PrintDifferences(report);
    std::cout << Grouped(report.rows_compared) << " summaries compared, "
              << Grouped(report.rows_different) << " differ\n";
    if (report.rows_different > 0) {
      std::cout << "  fix: usage-ingestd summaries rebuild (with the same --from and --to)\n";
    }
  }
  return ToInt(report.rows_different == 0 ? ExitCode::kOk : ExitCode::kDifferences);
}

int Rebuild(ingest::SyncConnection& connection, const SummariesOptions& options) {
  ProgressBar progress("days and months");
  ingest::RebuildOptions rebuild;
  rebuild.range = {options.from, options.to};
  rebuild.progress = [&](std::int64_t done, std::int64_t total) { progress.Update(done, total); };
  const auto report =
      ValueOrThrow(ingest::RebuildSummaries(connection, rebuild), "usage_summaries");
  progress.Clear();
  if (options.json) {
    JsonWriter json;
    json.BeginObject().Key("periods").Int(report.chunks_done);
    json.Key("rows_repaired").Int(report.rows_repaired).EndObject();
    std::cout << json.Take() << '\n';
  } else {
    std::cout << Grouped(report.rows_repaired) << " summaries repaired\n";
  }
  return 0;
}

}  // namespace

int Summaries(const Config& config, const SummariesOptions& options) {
  auto connection = ConnectOrThrow(config, "summaries");
  return options.action == SummariesAction::kVerify ? Verify(connection, options)
                                                    : Rebuild(connection, options);
}

}  // namespace usage_ingest::daemon
