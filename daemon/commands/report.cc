// `report`: who used how much, from the history of each day.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/command_list.h"
#include "daemon/text/csv.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"
#include "daemon/text/units.h"
#include "ingest/postgres/admin/report_sum.h"
#include "ingest/postgres/admin/usage_report.h"

namespace usage_ingest::commands {
namespace {

using aggregate::kDailyColumns;
using postgres::admin::ReportLine;
using postgres::admin::ReportSubject;
using std::chrono::year_month;

using Days = std::pair<std::chrono::sys_days, std::chrono::sys_days>;  // [first, second)

std::optional<year_month> ParseMonth(const std::string& value) {
  const auto first_day = text::ParseIsoTime(value + "-01");
  if (!first_day || value.size() != std::string_view("2026-11").size()) return std::nullopt;
  const std::chrono::sys_time<std::chrono::microseconds> time{
      std::chrono::microseconds(first_day->value)};
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(time)};
  return date.year() / date.month();
}

std::optional<std::chrono::sys_days> ParseDay(const std::string& value) {
  const auto time = text::ParseIsoTime(value);
  if (!time || value.size() != std::string_view("2026-11-22").size()) return std::nullopt;
  return std::chrono::floor<std::chrono::days>(
      std::chrono::sys_time<std::chrono::microseconds>{std::chrono::microseconds(time->value)});
}

Days DaysOf(const year_month& month) {
  return {std::chrono::sys_days{month / 1},
          std::chrono::sys_days{(month + std::chrono::months(1)) / 1}};
}

std::string DateText(std::chrono::sys_days day) {
  const std::chrono::year_month_day date{day};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
}

std::string_view Shown(std::string_view value) { return value.substr(0, 40); }

Option DayOption(OptionText text, std::optional<std::chrono::sys_days>& target) {
  return {.names = {std::move(text.name)},
          .value_name = std::move(text.value_name),
          .help = std::move(text.help),
          .set = [&target](const std::string& value) -> std::optional<Problem> {
            target = ParseDay(value);
            if (target) return std::nullopt;
            return Problem{.what = fmt::format("must be a day, not {}", Shown(value)),
                           .fix = "for example 2026-11-22"};
          }};
}

// One of the three ways to write a report.
class Output {
 public:
  Output(const ReportSubject& subject, std::string_view period) : subject_(subject) {
    titles_.emplace_back(period);
    for (const std::string_view column : subject.columns) titles_.emplace_back(column);
    for (const auto& column : kDailyColumns) titles_.emplace_back(column.name);
  }
  virtual ~Output() = default;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  virtual void Add(const ReportLine& line) = 0;
  virtual void End() = 0;

 protected:
  [[nodiscard]] static bool is_total(const ReportLine& line) { return line.period.empty(); }

  const ReportSubject& subject_;
  std::vector<std::string> titles_;  // period, subject, sums
};

// For a person: names instead of ids, as far as a terminal can show them, and no latencies.
class TableOutput final : public Output {
 public:
  TableOutput(const ReportSubject& subject, std::string_view period)
      : Output(subject, period), table_(Columns()) {}

  void Add(const ReportLine& line) override {
    std::vector<std::string> cells = {is_total(line) ? "total" : line.period};
    for (std::size_t i = subject_.first_for_people; i < subject_.columns.size(); ++i) {
      cells.push_back(is_total(line) ? "" : Shown(line, i));
    }
    for (std::size_t i = 0; i < kDailyColumns.size(); ++i) {
      if (IsShown(kDailyColumns[i].name)) cells.push_back(line.sums[i]);
    }
    table_.AddRow(std::move(cells));
  }
  void End() override { table_.Print(std::cout); }

 private:
  static bool IsShown(std::string_view sum) { return !sum.starts_with("latency"); }

  [[nodiscard]] std::vector<text::TextTable::Column> Columns() const {
    using Align = text::TextTable::Align;
    std::vector<text::TextTable::Column> columns = {{titles_.front(), Align::kLeft}};
    for (std::size_t i = subject_.first_for_people; i < subject_.columns.size(); ++i) {
      columns.push_back({std::string(subject_.columns[i]), Align::kLeft});
    }
    for (const auto& column : kDailyColumns) {
      if (IsShown(column.name)) columns.push_back({std::string(column.name), Align::kRight});
    }
    return columns;
  }
  // The id where the first name is not known.
  [[nodiscard]] std::string Shown(const ReportLine& line, std::size_t column) const {
    std::string name = line.subject[column];
    if (name.empty() && column == subject_.first_for_people) name = line.subject.front();
    if (name.empty()) return "-";
    std::ranges::replace_if(
        name, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '?');
    return name;
  }

  text::TextTable table_;
};

// Without the total: a spreadsheet that sums up a column would count it twice.
class CsvOutput final : public Output {
 public:
  CsvOutput(const ReportSubject& subject, std::string_view period) : Output(subject, period) {
    text::CsvLine header;
    for (const std::string& title : titles_) header.Text(title);
    std::cout << header.Take();
  }
  void Add(const ReportLine& line) override {
    if (is_total(line)) return;
    text::CsvLine csv;
    csv.Text(line.period);
    for (const std::string& name : line.subject) csv.Text(name);
    for (const std::string& sum : line.sums) csv.Number(sum);
    std::cout << csv.Take();
  }
  void End() override {}
};

class JsonOutput final : public Output {
 public:
  JsonOutput(const ReportSubject& subject, std::string_view period) : Output(subject, period) {
    std::cout << R"({"lines":[)";
  }
  void Add(const ReportLine& line) override {
    text::JsonWriter json;
    json.BeginObject();
    if (!is_total(line)) {
      json.Key(titles_.front()).String(line.period);
      for (std::size_t i = 0; i < line.subject.size(); ++i) {
        json.Key(subject_.columns[i]).StringOrNull(line.subject[i]);
      }
    }
    for (std::size_t i = 0; i < kDailyColumns.size(); ++i) {
      json.Key(kDailyColumns[i].name);
      // numeric(18,6) is no double
      kDailyColumns[i].unit == "1" ? json.Raw(line.sums[i]) : json.String(line.sums[i]);
    }
    json.EndObject();
    if (is_total(line)) {
      std::cout << R"(],"total":)" << json.Take() << "}\n";
    } else {
      std::cout << (has_lines_ ? "," : "") << json.Take();
      has_lines_ = true;
    }
  }
  void End() override {}

 private:
  bool has_lines_ = false;
};

class Report final : public Command {
 public:
  Report()
      : Command({.name = "report",
                 .summary = "Show who used how much, by day or month",
                 .description =
                     "It reads the history, which contains deleted users, keys and models too. "
                     "Days and months are in UTC. Without a range it is the present month. With "
                     "--conninfo it reads that database and needs no configuration; several are "
                     "added up to one report, and one that does not answer ends it without any.",
                 .examples = {"usage-ingestd report --month 2026-11",
                              "usage-ingestd report --by key --month 2026-11 --format csv",
                              "usage-ingestd report --by model --per day --from 2026-11-01 "
                              "--to 2026-11-08",
                              "usage-ingestd report --by team --month 2026-11 "
                              "--conninfo service=tenant_a --conninfo service=tenant_b"}},
                {.postgres = Need::kServer}) {}

  [[nodiscard]] CommandNeeds needs() const override {
    return conninfos_.empty() ? Command::needs() : CommandNeeds{.postgres = Need::kNamed};
  }

  std::vector<Option> Options() override {
    std::vector<std::string> subjects;
    for (const ReportSubject& subject : postgres::admin::ReportSubjects()) {
      subjects.emplace_back(subject.name);
    }
    return {ChoiceOption({"--by", "WHAT", "one line for each of these (default user)"},
                         std::move(subjects), by_),
            ChoiceOption({"--per", "PERIOD", "and for each of these (default month)"},
                         {"day", "month"}, per_),
            MonthOption(),
            DayOption({"--from", "DAY", "the first day, such as 2026-11-01"}, from_),
            DayOption({"--to", "DAY", "the end, exclusive (default: today is the last day)"}, to_),
            ChoiceOption({"--format", "FORMAT", "how it is written (default table)"},
                         {"table", "csv", "json"}, format_),
            ConninfoOption()};
  }

  [[nodiscard]] std::optional<Problem> Check() const override {
    if (month_ && to_) {
      return Problem{.what = "--month and --to cannot be given together",
                     .fix = "choose --month, or --from and --to"};
    }
    const auto [from, to] = Range();
    if (from < to) return std::nullopt;
    return Problem{.what = "the range is empty", .fix = "--to is exclusive, and after --from"};
  }

  int Run(const CommandContext& context) override {
    const auto subjects = postgres::admin::ReportSubjects();
    const auto subject = std::ranges::find(subjects, by_, &ReportSubject::name);
    postgres::admin::ReportSum sum(*subject);
    if (conninfos_.empty()) {
      AddDatabase(context.config().postgres.conninfo, "postgres.conninfo", *subject, sum);
    }
    for (std::size_t i = 0; i < conninfos_.size(); ++i) {
      // By its number: a conninfo may contain a password.
      AddDatabase(conninfos_[i], fmt::format("--conninfo {} of {}", i + 1, conninfos_.size()),
                  *subject, sum);
    }
    const std::unique_ptr<Output> output = MakeOutput(*subject);
    sum.ForEach([&](const ReportLine& line) { output->Add(line); });
    output->End();
    return 0;
  }

 private:
  void AddDatabase(const std::string& conninfo, const std::string& where,
                   const ReportSubject& subject, postgres::admin::ReportSum& sum) const {
    auto connection = assembly::ConnectOrThrow(conninfo, "report", where);
    const auto [from, to] = Range();
    Result<> added;
    assembly::ValueOrThrow(postgres::admin::ReportUsage(connection,
                                                        {.subject = &subject,
                                                         .per_month = per_ == "month",
                                                         .from_day = DateText(from),
                                                         .to_day = DateText(to)},
                                                        [&](const ReportLine& line) {
                                                          if (added) added = sum.Add(line);
                                                        }),
                           where + ", usage_ingest.usage_daily");
    assembly::ValueOrThrow(std::move(added), where);
  }

  Option ConninfoOption() {
    return {.names = {"--conninfo"},
            .value_name = "CONNINFO",
            .help = "read this database instead of that of postgres.conninfo; may be repeated",
            .is_repeatable = true,
            .set = [this](const std::string& value) -> std::optional<Problem> {
              conninfos_.push_back(value);
              return std::nullopt;
            }};
  }

  Option MonthOption() {
    return {.names = {"--month"},
            .value_name = "MONTH",
            .help = "all days of this month, such as 2026-11",
            .excludes = "--from",
            .set = [this](const std::string& value) -> std::optional<Problem> {
              month_ = ParseMonth(value);
              if (month_) return std::nullopt;
              return Problem{.what = fmt::format("must be a month, not {}", Shown(value)),
                             .fix = "for example 2026-11"};
            }};
  }

  [[nodiscard]] Days Range() const {
    if (month_) return DaysOf(*month_);
    const auto today = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now());
    const std::chrono::year_month_day date{to_ ? *to_ - std::chrono::days(1) : today};
    return {from_.value_or(std::chrono::sys_days{date.year() / date.month() / 1}),
            to_.value_or(today + std::chrono::days(1))};
  }

  [[nodiscard]] std::unique_ptr<Output> MakeOutput(const ReportSubject& subject) const {
    if (format_ == "csv") return std::make_unique<CsvOutput>(subject, per_);
    if (format_ == "json") return std::make_unique<JsonOutput>(subject, per_);
    return std::make_unique<TableOutput>(subject, per_);
  }

  std::string by_ = "user";
  std::string per_ = "month";
  std::string format_ = "table";
  std::optional<year_month> month_;
  std::optional<std::chrono::sys_days> from_;
  std::optional<std::chrono::sys_days> to_;
  std::vector<std::string> conninfos_;  // empty: that of the configuration
};

}  // namespace

CommandPtr MakeReport() { return std::make_unique<Report>(); }

}  // namespace usage_ingest::commands
