#include <iostream>
#include <optional>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/verbs.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/progress_bar.h"
#include "daemon/text/text_table.h"
#include "ingest/postgres/admin/summary_admin.h"

namespace usage_ingest::commands {
namespace {

using Align = text::TextTable::Align;

std::string_view KindOf(const postgres::admin::SummaryDifference& difference) {
  if (difference.row_missing) return "missing";
  return difference.row_unfounded ? "no usage behind it" : "different";
}

// One line for each column that differs.
void PrintDifferences(const postgres::admin::VerifyReport& report) {
  text::TextTable table({{"subscription", Align::kLeft},
                         {"model", Align::kLeft},
                         {"period", Align::kLeft},
                         {"start", Align::kLeft},
                         {"what", Align::kLeft},
                         {"column", Align::kLeft},
                         {"is"},
                         {"should be"}});
  for (const auto& each : report.differences) {
    for (std::size_t i = 0; i < postgres::admin::kSummaryColumnNames.size(); ++i) {
      if (each.expected[i] == each.actual[i]) continue;
      table.AddRow({each.subscription_id, each.model_id, each.period_type, each.period_start,
                    std::string(KindOf(each)), std::string(postgres::admin::kSummaryColumnNames[i]),
                    each.actual[i].empty() ? "-" : each.actual[i],
                    each.expected[i].empty() ? "-" : each.expected[i]});
    }
  }
  if (!table.empty()) table.Print(std::cout);
}

void WriteColumns(text::JsonWriter& json, std::string_view key,
                  const std::array<std::string, 9>& values) {
  json.Key(key).BeginObject();
  for (std::size_t i = 0; i < values.size(); ++i) {
    json.Key(postgres::admin::kSummaryColumnNames[i]);
    if (values[i].empty()) {
      json.Null();
    } else {
      json.String(values[i]);  // numeric(18,6) is no double
    }
  }
  json.EndObject();
}

void PrintJson(const postgres::admin::VerifyReport& report) {
  text::JsonWriter json;
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

int Verify(postgres::blocking::SyncConnection& connection, const SummariesOptions& options) {
  text::ProgressBar progress("days and months");
  postgres::admin::VerifyOptions verify;
  verify.range = {options.from, options.to};
  verify.progress = [&](std::int64_t done, std::int64_t total) { progress.Update(done, total); };
  const auto report = assembly::ValueOrThrow(postgres::admin::VerifySummaries(connection, verify),
                                             "usage_summaries");
  progress.Clear();
  if (options.json) {
    PrintJson(report);
  } else {
    PrintDifferences(report);
    std::cout << text::Grouped(report.rows_compared) << " summaries compared, "
              << text::Grouped(report.rows_different) << " differ\n";
    if (report.rows_different > 0) {
      std::cout << "  fix: usage-ingestd summaries rebuild (with the same --from and --to)\n";
    }
  }
  return text::ToInt(report.rows_different == 0 ? text::ExitCode::kOk
                                                : text::ExitCode::kDifferences);
}

int Rebuild(postgres::blocking::SyncConnection& connection, const SummariesOptions& options) {
  text::ProgressBar progress("days and months");
  postgres::admin::RebuildOptions rebuild;
  rebuild.range = {options.from, options.to};
  rebuild.progress = [&](std::int64_t done, std::int64_t total) { progress.Update(done, total); };
  const auto report = assembly::ValueOrThrow(postgres::admin::RebuildSummaries(connection, rebuild),
                                             "usage_summaries");
  progress.Clear();
  if (options.json) {
    text::JsonWriter json;
    json.BeginObject().Key("periods").Int(report.chunks_done);
    json.Key("rows_repaired").Int(report.rows_repaired).EndObject();
    std::cout << json.Take() << '\n';
  } else {
    std::cout << text::Grouped(report.rows_repaired) << " summaries repaired\n";
  }
  return 0;
}

}  // namespace

int Summaries(const config::Config& config, const SummariesOptions& options) {
  auto connection = assembly::ConnectOrThrow(config, "summaries");
  return options.action == SummariesAction::kVerify ? Verify(connection, options)
                                                    : Rebuild(connection, options);
}

}  // namespace usage_ingest::commands
