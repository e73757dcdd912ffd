#include "daemon/commands/dead_letter_groups.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>
#include <ostream>

#include "daemon/assembly/database_access.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"

namespace usage_ingest::commands {
namespace {

std::string ColumnOf(const std::string& name) {
  if (name == "key") return "key_hash";
  return name == "model" ? std::string(kModelOfDeadLetter) : name;
}

std::int64_t LettersOf(const std::vector<DeadLetterGroup>& groups) {
  return std::accumulate(groups.begin(), groups.end(), std::int64_t{0},
                         [](std::int64_t sum, const auto& each) { return sum + each.letters; });
}

}  // namespace

const std::vector<std::string>& GroupNames() {
  static const std::vector<std::string> names{"reason", "key", "model"};
  return names;
}

std::vector<std::string> ParseGroupNames(const std::string& text) {
  std::vector<std::string> names;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    std::string name = text.substr(begin, end - begin);
    if (std::ranges::find(GroupNames(), name) == GroupNames().end()) return {};
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
    begin = end + 1;
  }
  return names;
}

std::vector<DeadLetterGroup> GroupDeadLetters(postgres::blocking::SyncConnection& connection,
                                              const DeadLetterFilter& filter,
                                              const std::vector<std::string>& names) {
  std::vector<std::string> columns;
  std::vector<std::size_t> places;
  for (const std::string& name : names) {
    columns.push_back(ColumnOf(name));
    places.push_back(columns.size());
  }
  const DeadLetterSelected selected = PendingDeadLetters(filter);
  const std::string sql = fmt::format(
      "SELECT {0}, count(*), min(first_seen_at), max(first_seen_at) FROM "
      "usage_ingest.dead_letters WHERE {1} GROUP BY {2} ORDER BY count(*) DESC, {2}",
      fmt::join(columns, ", "), selected.condition, fmt::join(places, ", "));
  const auto rows = assembly::QueryOrThrow(connection, sql, selected.params);
  std::vector<DeadLetterGroup> groups;
  const auto width = static_cast<int>(names.size());
  for (int row = 0; row < rows.count(); ++row) {
    DeadLetterGroup& group = groups.emplace_back();
    for (int column = 0; column < width; ++column) {
      auto& value = group.values.emplace_back();
      if (!rows.is_null(row, column)) value = rows.text(row, column);
    }
    group.letters = rows.number(row, width);
    group.first_seen_at = rows.text(row, width + 1);
    group.last_seen_at = rows.text(row, width + 2);
  }
  return groups;
}

void PrintGroups(std::ostream& out, const std::vector<std::string>& names,
                 const std::vector<DeadLetterGroup>& groups) {
  using Align = text::TextTable::Align;
  std::vector<text::TextTable::Column> columns = {{"dead letters"}};
  for (const std::string& name : names) columns.push_back({name, Align::kLeft});
  columns.push_back({"first seen", Align::kLeft});
  columns.push_back({"last seen", Align::kLeft});
  text::TextTable table(std::move(columns));
  for (const DeadLetterGroup& group : groups) {
    std::vector<std::string> cells = {text::Grouped(group.letters)};
    for (const auto& value : group.values) cells.push_back(text::Printable(value.value_or("-")));
    cells.push_back(group.first_seen_at.substr(0, 19));
    cells.push_back(group.last_seen_at.substr(0, 19));
    table.AddRow(std::move(cells));
  }
  if (!table.empty()) table.Print(out);
  out << text::Grouped(LettersOf(groups)) << " dead letters in "
      << text::Grouped(std::ssize(groups)) << (groups.size() == 1 ? " group\n" : " groups\n");
}

std::string GroupsJson(const std::vector<std::string>& names,
                       const std::vector<DeadLetterGroup>& groups) {
  text::JsonWriter json;
  json.BeginObject().Key("matching").Int(LettersOf(groups)).Key("groups").BeginArray();
  for (const DeadLetterGroup& group : groups) {
    json.BeginObject();
    for (std::size_t i = 0; i < names.size(); ++i) {
      json.Key(names[i]);
      if (const std::optional<std::string>& value = group.values[i]) {
        json.String(*value);
      } else {
        json.Null();
      }
    }
    json.Key("dead_letters").Int(group.letters);
    json.Key("first_seen_at").String(group.first_seen_at);
    json.Key("last_seen_at").String(group.last_seen_at);
    json.EndObject();
  }
  json.EndArray().EndObject();
  return json.Take();
}

}  // namespace usage_ingest::commands
