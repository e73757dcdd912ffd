#include "daemon/progress/daemon_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <ostream>
#include <sstream>

#include "daemon/progress/status_table.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"

namespace usage_ingest::progress {
namespace {

namespace json = boost::json;
using Align = text::TextTable::Align;

const json::object* ObjectOf(const json::object& of, std::string_view key) {
  const json::value* value = of.if_contains(key);
  return value == nullptr ? nullptr : value->if_object();
}

std::size_t PartitionCount(const json::object& daemon) {
  const json::value* list = daemon.if_contains("partitions");
  return list != nullptr && list->is_array() ? list->as_array().size() : 0;
}

std::string DeadLetters(const json::object& daemon) {
  const json::object* letters = ObjectOf(daemon, "dead_letters");
  if (letters == nullptr || IsUnknown(*letters, "pending")) return "unknown";
  return text::Grouped(static_cast<std::int64_t>(NumberOf(*letters, "pending")));
}

std::string StateOf(const DaemonAnswer& answer) {
  if (!answer.has_answered()) return "no answer";
  return IsReady(answer.json) ? "ready" : "waiting";
}

std::vector<std::string> Cells(const ListedDaemon& daemon) {
  const json::object& told = daemon.answer.json;
  const bool is_there = daemon.answer.has_answered();
  const json::object* totals = ObjectOf(told, "totals");
  std::vector<std::string> cells = {daemon.url, StateOf(daemon.answer),
                                    is_there ? text::Printable(TextOf(told, "group_id")) : "-",
                                    is_there ? std::to_string(PartitionCount(told)) : "-"};
  for (std::string& cell : LiveCells(totals == nullptr ? std::nullopt : std::optional(*totals))) {
    cells.push_back(std::move(cell));
  }
  cells.push_back(is_there ? DeadLetters(told) : "-");
  return cells;
}

void PrintWhatIsWrong(std::ostream& out, const ListedDaemon& daemon) {
  const DaemonAnswer& answer = daemon.answer;
  if (!answer.has_answered()) {
    out << daemon.url << "  does not answer: " << answer.error << '\n';
    return;
  }
  std::istringstream reasons(TextOf(answer.json, "reason"));
  for (std::string line; std::getline(reasons, line);) {
    out << daemon.url << "  " << text::Printable(line) << '\n';
  }
}

enum class Together : unsigned char { kSum, kWorst };

json::value Combined(std::span<const ListedDaemon> daemons, std::string_view key, Together how) {
  double combined = 0;
  for (const ListedDaemon& each : daemons) {
    const json::object* totals = ObjectOf(each.answer.json, "totals");
    if (totals == nullptr || IsUnknown(*totals, key)) return nullptr;
    const double value = NumberOf(*totals, key);
    combined = how == Together::kSum ? combined + value : std::max(combined, value);
  }
  return combined;
}

}  // namespace

json::object SumOf(std::span<const ListedDaemon> daemons) {
  json::object sum;
  for (const char* key : {"lag_records", "rate", "batches"}) {
    sum[key] = Combined(daemons, key, Together::kSum);
  }
  for (const char* key : {"lag_seconds", "catch_up_seconds"}) {
    sum[key] = Combined(daemons, key, Together::kWorst);
  }
  return sum;
}

void PrintDaemons(std::ostream& out, std::span<const ListedDaemon> daemons) {
  std::vector<text::TextTable::Column> columns = {
      {"daemon", Align::kLeft}, {"state", Align::kLeft}, {"group", Align::kLeft}, {"partitions"}};
  for (const std::string_view title : kLiveTitles) columns.push_back({std::string(title)});
  columns.push_back({"dead letters"});
  text::TextTable table(std::move(columns));
  std::size_t ready = 0;
  std::size_t partitions = 0;
  for (const ListedDaemon& each : daemons) {
    if (IsReady(each.answer.json)) ++ready;
    partitions += PartitionCount(each.answer.json);
    table.AddRow(Cells(each));
  }
  std::vector<std::string> total = {"total", fmt::format("{} of {} ready", ready, daemons.size()),
                                    "", std::to_string(partitions)};
  for (std::string& cell : LiveCells(SumOf(daemons))) total.push_back(std::move(cell));
  total.emplace_back();
  table.AddRow(std::move(total));
  table.Print(out);
  for (const ListedDaemon& each : daemons) PrintWhatIsWrong(out, each);
}

std::string DaemonsJson(std::span<const ListedDaemon> daemons) {
  text::JsonWriter out;
  out.BeginObject().Key("daemons").BeginArray();
  for (const ListedDaemon& each : daemons) {
    out.BeginObject().Key("url").String(each.url);
    WriteDaemonAnswer(out, each.answer);
    out.EndObject();
  }
  out.EndArray().EndObject();
  return out.Take();
}

}  // namespace usage_ingest::progress
