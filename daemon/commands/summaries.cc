// `summaries`: compares usage_summaries and the history with usage_logs, and repairs them.
#include <iostream>
#include <optional>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/command_list.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/progress_bar.h"
#include "daemon/text/text_table.h"
#include "ingest/postgres/admin/daily_admin.h"
#include "ingest/postgres/admin/summary_admin.h"

namespace usage_ingest::commands {
namespace {

using Align = text::TextTable::Align;
using aggregate::kDailyColumns;
using postgres::admin::DailyDifference;

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
    for (std::size_t i = 0; i < postgres::admin::kComparedColumns.size(); ++i) {
      if (each.expected[i] == each.actual[i]) continue;
      table.AddRow({each.subscription_id, each.model_id, each.period_type, each.period_start,
                    std::string(KindOf(each)), std::string(postgres::admin::kComparedColumns[i]),
                    each.actual[i].empty() ? "-" : each.actual[i],
                    each.expected[i].empty() ? "-" : each.expected[i]});
    }
  }
  if (!table.empty()) table.Print(std::cout);
}

void WriteColumns(text::JsonWriter& json, std::string_view key,
                  const postgres::admin::ComparedValues& values) {
  json.Key(key).BeginObject();
  for (std::size_t i = 0; i < values.size(); ++i) {
    // numeric(18,6) is no double
    json.Key(postgres::admin::kComparedColumns[i]).StringOrNull(values[i]);
  }
  json.EndObject();
}

void PrintHistoryTable(const std::vector<DailyDifference>& differences) {
  text::TextTable table({{"subscription", Align::kLeft},
                         {"model", Align::kLeft},
                         {"day", Align::kLeft},
                         {"column", Align::kLeft},
                         {"in the history"},
                         {"in usage_logs"}});
  for (const DailyDifference& each : differences) {
    for (std::size_t i = 0; i < kDailyColumns.size(); ++i) {
      if (each.rows[i] == each.history[i]) continue;
      table.AddRow({each.subscription_id, each.model_id, each.day,
                    std::string(kDailyColumns[i].name), each.history[i], each.rows[i]});
    }
  }
  if (!table.empty()) table.Print(std::cout);
}

void WriteSums(text::JsonWriter& json, std::string_view key,
               const postgres::admin::DailyValues& values) {
  json.Key(key).BeginObject();
  for (std::size_t i = 0; i < values.size(); ++i) {
    json.Key(kDailyColumns[i].name).String(values[i]);  // numeric(18,6) is no double
  }
  json.EndObject();
}

void PrintHistory(const postgres::admin::VerifyDailyReport& report) {
  PrintHistoryTable(report.differences);
  std::cout << text::Grouped(report.sums_compared) << " days of the history compared, "
            << text::Grouped(report.sums_missing + report.sums_too_much) << " differ\n";
  if (report.sums_missing > 0) {
    std::cout << "  fix: usage-ingestd summaries rebuild (with the same --from and --to)\n";
  }
  if (report.sums_too_much > 0) {
    std::cout
        << "  the history of " << text::Grouped(report.sums_too_much)
        << " has more than usage_logs. If rows were deleted, that is right. If rows were read "
           "again after that, and all are there now: usage-ingestd summaries rebuild "
           "--rows-complete\n";
  }
}

void WriteHistory(text::JsonWriter& json, const postgres::admin::VerifyDailyReport& report) {
  json.BeginObject();
  json.Key("days").Int(report.days);
  json.Key("sums_compared").Int(report.sums_compared);
  json.Key("sums_missing").Int(report.sums_missing);
  json.Key("sums_too_much").Int(report.sums_too_much);
  json.Key("differences").BeginArray();
  for (const DailyDifference& each : report.differences) {
    json.BeginObject();
    json.Key("day").String(each.day);
    json.Key("subscription_id").String(each.subscription_id);
    json.Key("model_id").String(each.model_id);
    WriteSums(json, "rows", each.rows);
    WriteSums(json, "history", each.history);
    json.EndObject();
  }
  json.EndArray().EndObject();
}

// Nullopt: history.daily is off.
using HistoryReport = std::optional<postgres::admin::VerifyDailyReport>;

void PrintJson(const postgres::admin::VerifyReport& report, const HistoryReport& history) {
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
  json.EndArray();
  if (history) {
    json.Key("history");
    WriteHistory(json, *history);
  }
  json.EndObject();
  std::cout << json.Take() << '\n';
}

class SummariesCommand : public Command {
 public:
  explicit SummariesCommand(CommandText text)
      : Command(std::move(text), {.postgres = Need::kServer}) {}

  std::vector<Option> Options() override {
    return {TimeOption("--from", "start of the first period (default: the first with logs)",
                       range_.from),
            TimeOption("--to", "end of the last period, exclusive (default: now)", range_.to),
            JsonFlag(json_)};
  }

  [[nodiscard]] std::optional<Problem> Check() const override {
    if (!range_.from || !range_.to || range_.from->value < range_.to->value) return std::nullopt;
    return Problem{.what = "the range is empty", .fix = "--to is exclusive, and after --from"};
  }

 protected:
  postgres::admin::SummaryRange range_;
  bool json_ = false;
};

class Verify final : public SummariesCommand {
 public:
  Verify()
      : SummariesCommand({.name = "verify",
                          .summary = "Compare summaries and history with usage_logs, row by row",
                          .description =
                              "Exit status 1: they differ. Days of the history without any row of "
                              "their subscription left are not compared.",
                          .examples = {"usage-ingestd summaries verify --from 2026-11-01"}}) {}

  int Run(const CommandContext& context) override {
    auto connection = assembly::ConnectOrThrow(context.config(), "summaries");
    text::ProgressBar progress("days and months");
    postgres::admin::VerifyOptions options;
    options.range = range_;
    options.progress = [&](std::int64_t done, std::int64_t total) { progress.Update(done, total); };
    const auto report = assembly::ValueOrThrow(
        postgres::admin::VerifySummaries(connection, options), "usage_summaries");
    progress.Clear();
    const HistoryReport history = VerifyHistory(context, connection);
    if (json_) {
      PrintJson(report, history);
    } else {
      PrintText(report);
      if (history) PrintHistory(*history);
    }
    const bool history_differs =
        history && (history->sums_missing != 0 || history->sums_too_much != 0);
    return text::ToInt(report.rows_different == 0 && !history_differs
                           ? text::ExitCode::kOk
                           : text::ExitCode::kDifferences);
  }

 private:
  HistoryReport VerifyHistory(const CommandContext& context,
                              postgres::blocking::SyncConnection& connection) const {
    if (!context.config().history.is_kept) return std::nullopt;
    text::ProgressBar progress("days of the history");
    postgres::admin::VerifyOptions options;
    options.range = range_;
    options.progress = [&](std::int64_t done, std::int64_t total) { progress.Update(done, total); };
    auto report = assembly::ValueOrThrow(postgres::admin::VerifyDaily(connection, options),
                                         "usage_ingest.usage_daily");
    progress.Clear();
    return report;
  }

  static void PrintText(const postgres::admin::VerifyReport& report) {
    PrintDifferences(report);
    const auto listed = static_cast<std::int64_t>(report.differences.size());
    if (listed < report.rows_different) {
      std::cout << "only " << text::Grouped(listed) << " of the "
                << text::Grouped(report.rows_different)
                << " summaries that differ are listed; --from and --to choose a shorter time\n";
    }
    std::cout << text::Grouped(report.rows_compared) << " summaries compared, "
              << text::Grouped(report.rows_different) << " differ\n";
    if (report.rows_different > 0) {
      std::cout << "  fix: usage-ingestd summaries rebuild (with the same --from and --to)\n";
    }
  }
};

class Rebuild final : public SummariesCommand {
 public:
  Rebuild()
      : SummariesCommand(
            {.name = "rebuild",
             .summary = "Repair summaries and history from usage_logs",
             .description =
                 "It works in small transactions; the daemon may run. The history gets what it "
                 "lacks. It keeps what it has more than the rows, since rows may have been "
                 "deleted.",
             .examples = {"usage-ingestd summaries rebuild --from 2026-10-01 --to 2026-11-01"}}) {}

  std::vector<Option> Options() override {
    std::vector<Option> options = SummariesCommand::Options();
    options.push_back(Flag("--rows-complete",
                           "no row of the range is missing: make the history equal to the rows",
                           rows_are_complete_));
    return options;
  }

  int Run(const CommandContext& context) override {
    auto connection = assembly::ConnectOrThrow(context.config(), "summaries");
    text::ProgressBar progress("days and months");
    postgres::admin::RebuildOptions options;
    options.range = range_;
    options.progress = [&](std::int64_t done, std::int64_t total) { progress.Update(done, total); };
    const auto report = assembly::ValueOrThrow(
        postgres::admin::RebuildSummaries(connection, options), "usage_summaries");
    progress.Clear();
    const std::int64_t days = RebuildHistory(context, connection);
    if (json_) {
      text::JsonWriter json;
      json.BeginObject().Key("periods").Int(report.chunks_done);
      json.Key("rows_repaired").Int(report.rows_repaired);
      json.Key("history_rows_repaired").Int(days).EndObject();
      std::cout << json.Take() << '\n';
    } else {
      std::cout << text::Grouped(report.rows_repaired) << " summaries repaired, "
                << text::Grouped(days) << " rows of the history\n";
    }
    return 0;
  }

 private:
  // Returns how many rows it has repaired.
  std::int64_t RebuildHistory(const CommandContext& context,
                              postgres::blocking::SyncConnection& connection) const {
    if (!context.config().history.is_kept) return 0;
    text::ProgressBar progress("days of the history");
    postgres::admin::RebuildOptions options;
    options.range = range_;
    options.rows_are_complete = rows_are_complete_;
    options.progress = [&](std::int64_t done, std::int64_t total) { progress.Update(done, total); };
    const auto report = assembly::ValueOrThrow(postgres::admin::RebuildDaily(connection, options),
                                               "usage_ingest.usage_daily");
    progress.Clear();
    return report.rows_repaired;
  }

  bool rows_are_complete_ = false;
};

}  // namespace

CommandPtr MakeSummaries() {
  CommandList commands;
  commands.push_back(std::make_unique<Verify>());
  commands.push_back(std::make_unique<Rebuild>());
  return MakeGroup({.name = "summaries",
                    .summary = "Compare summaries and history with usage_logs, or repair them",
                    .examples = {}},
                   std::move(commands));
}

}  // namespace usage_ingest::commands
