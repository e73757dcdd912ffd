#include <iostream>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/dead_letter_query.h"
#include "daemon/commands/verbs.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"

namespace usage_ingest::commands {
namespace {

using Align = text::TextTable::Align;

// A terminal's line has room for so much of the detail.
constexpr std::size_t kDetailBytesShown = 60;

void WriteRow(text::JsonWriter& json, const DeadLetterRow& row, bool with_payload) {
  const auto text = [&](std::string_view key, const std::string& value) {
    json.Key(key);
    if (value.empty()) {
      json.Null();
    } else {
      json.String(value);
    }
  };
  json.BeginObject();
  json.Key("id").Int(row.id);
  text("topic", row.topic);
  json.Key("partition").Int(row.partition);
  json.Key("offset").Int(row.record_offset);
  json.Key("event_index").Int(row.event_index);
  text("reason", row.reason);
  text("detail", row.detail);
  text("key_hash", row.key_hash);
  text("event_id", row.event_id);
  text("event_time", row.event_time);
  text("state", row.state);
  json.Key("attempts").Int(row.attempts);
  text("first_seen_at", row.first_seen_at);
  text("last_attempt_at", row.last_attempt_at);
  if (with_payload) text("payload", row.payload);
  json.EndObject();
}

// The list may be cut in the middle of a character; JSON and terminals would stumble.
std::string Shortened(const std::string& detail) {
  if (detail.size() <= kDetailBytesShown) return detail;
  std::size_t end = kDetailBytesShown;
  while (end > 0 && (static_cast<unsigned char>(detail[end]) & 0xC0U) == 0x80U) --end;
  return detail.substr(0, end) + "…";
}

// What a terminal would take for a command does not reach it.
std::string Printable(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F) c = '?';
  }
  return text;
}

int List(postgres::blocking::SyncConnection& connection, const DeadLetterOptions& options) {
  const DeadLetterList list = ListDeadLetters(connection, options);
  if (options.json) {
    text::JsonWriter json;
    json.BeginObject().Key("matching").Int(list.matching).Key("dead_letters").BeginArray();
    for (const auto& row : list.rows) WriteRow(json, row, false);
    json.EndArray().EndObject();
    std::cout << json.Take() << '\n';
    return 0;
  }
  text::TextTable table({{"id"},
                         {"reason", Align::kLeft},
                         {"state", Align::kLeft},
                         {"first seen", Align::kLeft},
                         {"tries"},
                         {"topic", Align::kLeft},
                         {"partition"},
                         {"offset"},
                         {"detail", Align::kLeft}});
  for (const auto& row : list.rows) {
    table.AddRow({std::to_string(row.id), row.reason, row.state, row.first_seen_at.substr(0, 19),
                  std::to_string(row.attempts), row.topic, std::to_string(row.partition),
                  std::to_string(row.record_offset), Shortened(Printable(row.detail))});
  }
  if (!table.empty()) table.Print(std::cout);
  std::cout << text::Grouped(list.matching)
            << (list.matching == 1 ? " dead letter" : " dead letters");
  if (list.matching > kListedMax) std::cout << ", the youngest " << kListedMax << " are shown";
  std::cout << '\n';
  return 0;
}

void PrintOne(const DeadLetterRow& row) {
  const auto line = [](std::string_view name, const std::string& value) {
    if (!value.empty()) {
      std::cout << name << std::string(18 - name.size(), ' ') << Printable(value) << '\n';
    }
  };
  line("id", std::to_string(row.id));
  line("state", row.state);
  line("reason", row.reason);
  line("detail", row.detail);
  line("where", row.topic + " partition " + std::to_string(row.partition) + " offset " +
                    std::to_string(row.record_offset) + " event " +
                    std::to_string(row.event_index));
  line("key hash", row.key_hash);
  line("LiteLLM id", row.event_id);
  line("event time", row.event_time);
  line("first seen", row.first_seen_at);
  line("tries", std::to_string(row.attempts));
  line("last try", row.last_attempt_at);
  std::cout << '\n' << Printable(row.payload) << '\n';
}

int Show(postgres::blocking::SyncConnection& connection, const DeadLetterOptions& options) {
  const auto letters = ShowDeadLetters(connection, options);
  if (letters.empty()) {
    throw text::UserError(text::ExitCode::kNoInput,
                          {"there is no such dead letter", "--id",
                           "`usage-ingestd dead-letters list` shows the ids"});
  }
  if (options.json) {
    text::JsonWriter json;
    json.BeginObject().Key("dead_letters").BeginArray();
    for (const auto& row : letters) WriteRow(json, row, true);
    json.EndArray().EndObject();
    std::cout << json.Take() << '\n';
    return 0;
  }
  for (const auto& row : letters) {
    PrintOne(row);
    if (&row != &letters.back()) std::cout << '\n';
  }
  return 0;
}

int Discard(postgres::blocking::SyncConnection& connection, const DeadLetterOptions& options) {
  const std::int64_t discarded = DiscardDeadLetters(connection, options);
  if (options.json) {
    text::JsonWriter json;
    json.BeginObject().Key("discarded").Int(discarded).EndObject();
    std::cout << json.Take() << '\n';
  } else {
    std::cout << text::Grouped(discarded) << (discarded == 1 ? " dead letter" : " dead letters")
              << " discarded\n";
  }
  return 0;
}

}  // namespace

int DeadLetters(const config::Config& config, const DeadLetterOptions& options) {
  if (options.action == DeadLetterAction::kRetry) return RetryDeadLetters(config, options);
  auto connection = assembly::ConnectOrThrow(config, "dead-letters");
  switch (options.action) {
    case DeadLetterAction::kShow:
      return Show(connection, options);
    case DeadLetterAction::kDiscard:
      return Discard(connection, options);
    case DeadLetterAction::kList:
    case DeadLetterAction::kRetry:
      break;
  }
  return List(connection, options);
}

}  // namespace usage_ingest::commands
