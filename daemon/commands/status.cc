// `status`: what the running daemon and the database say about the progress.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <iostream>
#include <map>
#include <optional>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/command_list.h"
#include "daemon/commands/offsets_query.h"
#include "daemon/http/http_get.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"

namespace usage_ingest::commands {
namespace {

namespace json = boost::json;
using Align = text::TextTable::Align;

constexpr auto kTimeout = std::chrono::seconds(5);

struct Gathered {
  std::string daemon_text;  // /status, valid JSON; empty when the daemon did not answer
  json::object daemon;
  std::string daemon_error;
  std::optional<StoredProgress> stored;
  std::string postgres_error;
};

Gathered Gather(const config::Config& config) {
  Gathered gathered;
  auto answer = http::HttpGet(config.http_listen, "/status", kTimeout);
  if (answer) {
    boost::system::error_code error;
    const json::value value = json::parse(*answer, error);
    if (!error && value.is_object()) {
      gathered.daemon_text = *answer;
      gathered.daemon = value.as_object();
    } else {
      gathered.daemon_error = "the program that answers at http.listen is not usage-ingestd";
    }
  } else {
    gathered.daemon_error = answer.error().context;
  }
  try {
    auto connection = assembly::ConnectOrThrow(config, "status");
    gathered.stored = ReadStoredProgress(connection, config.kafka.group_id);
  } catch (const text::UserError& error) {
    gathered.postgres_error = error.problem().what;
  }
  return gathered;
}

// Fields of /status. A missing one is 0 or empty: the daemon may be of another version.
std::int64_t Int(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_number()) return 0;
  return value->to_number<std::int64_t>();
}
double Double(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
}
std::string Text(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}
// `text` of the field, unless it is null: the daemon does not know the value.
std::string UnlessNull(const json::object& object, std::string_view key, std::string text) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_null() ? "unknown" : std::move(text);
}
// What the running daemon reports, by topic and partition.
std::map<TopicPartition, json::object> LivePartitions(const json::object& daemon) {
  std::map<TopicPartition, json::object> partitions;
  const json::value* list = daemon.if_contains("partitions");
  if (list == nullptr || !list->is_array()) return partitions;
  for (const json::value& each : list->as_array()) {
    if (!each.is_object()) continue;
    const auto number = static_cast<std::int32_t>(Int(each.as_object(), "partition"));
    partitions[{Text(each.as_object(), "topic"), PartitionId{number}}] = each.as_object();
  }
  return partitions;
}

// Records are left out: they differ from events only where a record holds several or none.
bool IsShown(const EventCountColumn& column) { return column.value != &EventCounts::records; }

std::vector<text::TextTable::Column> PartitionColumns() {
  std::vector<text::TextTable::Column> columns = {{"topic", Align::kLeft},
                                                  {"partition"},
                                                  {"next offset"},
                                                  {"lag"},
                                                  {"behind"},
                                                  {"events/s"},
                                                  {"batches"}};
  for (const EventCountColumn& column : kEventCountColumns) {
    if (IsShown(column)) columns.push_back({std::string(column.title)});
  }
  return columns;
}

void PrintPartitions(const Gathered& gathered) {
  text::TextTable table(PartitionColumns());
  auto live = LivePartitions(gathered.daemon);
  std::map<TopicPartition, StoredPartition> stored;
  if (gathered.stored) {
    for (const auto& each : gathered.stored->partitions) stored.emplace(each.source, each);
  }
  for (const auto& [source, object] : live) {
    stored.try_emplace(source, StoredPartition{source, Int(object, "next_offset"), {}, {}});
  }
  for (const auto& [source, each] : stored) {
    const auto found = live.find(source);
    const bool is_live = found != live.end();
    const auto now = [&](const std::string& text) { return is_live ? text : std::string("-"); };
    const json::object nothing;
    const json::object& object = is_live ? found->second : nothing;
    const std::string lag_records =
        UnlessNull(object, "lag_records", text::Grouped(Int(object, "lag_records")));
    const std::string lag_seconds =
        UnlessNull(object, "lag_seconds", text::Roughly(Double(object, "lag_seconds")));
    std::vector<std::string> cells = {source.topic,
                                      std::to_string(source.partition.value),
                                      text::Grouped(each.next_offset),
                                      now(lag_records),
                                      now(lag_seconds),
                                      now(fmt::format("{:.0f}", Double(object, "rate"))),
                                      now(text::Grouped(Int(object, "batches")))};
    for (const EventCountColumn& column : kEventCountColumns) {
      if (IsShown(column)) cells.push_back(text::Grouped(each.outcomes.*column.value));
    }
    table.AddRow(std::move(cells));
  }
  if (table.empty()) {
    std::cout << "no partition has been read yet\n";
  } else {
    table.Print(std::cout);
  }
}

void PrintDaemon(const Gathered& gathered) {
  if (gathered.daemon_text.empty()) {
    std::cout << "daemon        does not answer: " << gathered.daemon_error << '\n';
    return;
  }
  const json::object& daemon = gathered.daemon;
  const json::value* ready = daemon.if_contains("ready");
  const bool is_ready = ready != nullptr && ready->is_bool() && ready->as_bool();
  std::cout << "daemon        " << Text(daemon, "version") << " (" << Text(daemon, "commit")
            << "), up " << text::Roughly(Double(daemon, "uptime_seconds")) << ", "
            << (is_ready ? "ready" : "waiting: " + Text(daemon, "reason")) << '\n';
  std::cout << "group         " << Text(daemon, "group_id") << '\n';
  if (const std::string path = Text(daemon, "copy_path"); !path.empty()) {
    std::cout << "foreign keys  by " << path << '\n';
  }
  if (const double runway = Double(daemon, "partition_runway_seconds"); runway > 0) {
    std::cout << "partitions    for " << text::Roughly(runway) << '\n';
  }
}

void PrintDeadLetters(const Gathered& gathered) {
  if (!gathered.stored) {
    std::cout << "PostgreSQL    does not answer: " << gathered.postgres_error << '\n';
    return;
  }
  std::string reasons;
  std::int64_t pending = 0;
  for (const auto& [reason, count] : gathered.stored->dead_letters_pending) {
    pending += count;
    reasons += fmt::format("{}{} {}", reasons.empty() ? ": " : ", ", text::Grouped(count), reason);
  }
  std::cout << "dead letters  " << text::Grouped(pending) << " pending" << reasons << '\n';
}

void PrintJson(const Gathered& gathered) {
  text::JsonWriter out;
  out.BeginObject().Key("daemon");
  if (gathered.daemon_text.empty()) {
    out.Null().Key("daemon_error").String(gathered.daemon_error);
  } else {
    out.Raw(gathered.daemon_text);
  }
  out.Key("postgres");
  if (gathered.stored) {
    WriteStoredProgress(out, *gathered.stored);
  } else {
    out.Null().Key("postgres_error").String(gathered.postgres_error);
  }
  out.EndObject();
  std::cout << out.Take() << '\n';
}

class Status final : public Command {
 public:
  Status()
      : Command({.name = "status",
                 .summary = "Show lag, rate and errors of the running daemon",
                 .description = "Exit status 0: the daemon answers. 69: it does not. In both cases "
                                "the counts from the database are shown, if it answers.",
                 .examples = {"usage-ingestd status"}},
                {.postgres = Need::kKeys}) {}

  std::vector<Option> Options() override { return {JsonFlag(json_)}; }

  int Run(const CommandContext& context) override {
    const Gathered gathered = Gather(context.config());
    if (json_) {
      PrintJson(gathered);
    } else {
      PrintDaemon(gathered);
      PrintDeadLetters(gathered);
      std::cout << '\n';
      PrintPartitions(gathered);
    }
    return text::ToInt(gathered.daemon_text.empty() ? text::ExitCode::kUnavailable
                                                    : text::ExitCode::kOk);
  }

 private:
  bool json_ = false;
};

}  // namespace

CommandPtr MakeStatus() { return std::make_unique<Status>(); }

}  // namespace usage_ingest::commands
