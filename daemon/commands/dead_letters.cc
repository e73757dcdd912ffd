// `dead-letters`: lists, shows, retries and discards events that could not be written.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <iostream>
#include <optional>
#include <stop_token>

#include "daemon/assembly/component_options.h"
#include "daemon/assembly/database_access.h"
#include "daemon/commands/command_list.h"
#include "daemon/commands/dead_letter_groups.h"
#include "daemon/commands/dead_letter_query.h"
#include "daemon/commands/report_end.h"
#include "daemon/replay/replay_report.h"
#include "daemon/replay/replay_totals.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"
#include "ingest/postgres/background/dead_letter_retrier.h"

namespace usage_ingest::commands {
namespace {

using Align = text::TextTable::Align;

// The table of `list` shows this much of the detail, so that a row fits a terminal.
constexpr std::size_t kDetailBytesShown = 60;

void WriteRow(text::JsonWriter& json, const DeadLetterRow& row, bool with_payload) {
  const auto text = [&](std::string_view key, const std::string& value) {
    json.Key(key).StringOrNull(value);
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

// Cuts between characters, not inside one of several bytes.
std::string Shortened(const std::string& detail) {
  if (detail.size() <= kDetailBytesShown) return detail;
  std::size_t end = kDetailBytesShown;
  while (end > 0 && (static_cast<unsigned char>(detail[end]) & 0xC0U) == 0x80U) --end;
  return detail.substr(0, end) + "…";
}

std::string Counted(std::int64_t letters) {
  return text::Grouped(letters) + (letters == 1 ? " dead letter" : " dead letters");
}

void PrintList(const DeadLetterList& list) {
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
                  std::to_string(row.record_offset), Shortened(text::Printable(row.detail))});
  }
  if (!table.empty()) table.Print(std::cout);
  std::cout << Counted(list.matching);
  if (list.matching > kListedMax) std::cout << ", the newest " << kListedMax << " are shown";
  std::cout << '\n';
}

void PrintOne(const DeadLetterRow& row) {
  const auto line = [](std::string_view name, const std::string& value) {
    if (!value.empty()) {
      std::cout << name << std::string(18 - name.size(), ' ') << text::Printable(value) << '\n';
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
  std::cout << '\n' << text::Printable(row.payload) << '\n';
}

// The options by which each of these commands selects dead letters.
class DeadLetterCommand : public Command {
 public:
  using Command::Command;

  std::vector<Option> Options() override {
    return {ReasonOption(filter_.reason),
            TimeOption("--since", "only those first seen at this time or later", filter_.since),
            NumbersOption({"--id", "NUMBER", "only the one with this id; repeatable"}, filter_.ids),
            TextOption({"--key", "HASH", "only those of the key with this hash"}, filter_.key_hash),
            TextOption({"--model", "NAME", "only those that ask for this model"}, filter_.model),
            JsonFlag(json_)};
  }

 protected:
  DeadLetterFilter filter_;
  bool json_ = false;
};

class List final : public DeadLetterCommand {
 public:
  List()
      : DeadLetterCommand(
            {.name = "list",
             .summary = "List dead letters",
             .description = "Without --id, only those that are pending. The other options "
                            "narrow the list further. --group-by counts them instead: what a "
                            "group shows is a value of --reason, --key or --model, also of "
                            "`retry` and `discard`.",
             .examples = {"usage-ingestd dead-letters list --reason unattributed --since 7d",
                          "usage-ingestd dead-letters list --group-by reason,key,model"}},
            {.postgres = Need::kServer}) {}

  std::vector<Option> Options() override {
    auto options = DeadLetterCommand::Options();
    options.push_back(GroupByOption());
    return options;
  }

  int Run(const CommandContext& context) override {
    auto connection = assembly::ConnectOrThrow(context.config(), "dead-letters");
    if (!group_by_.empty()) return PrintGrouped(GroupDeadLetters(connection, filter_, group_by_));
    const DeadLetterList list = ListDeadLetters(connection, filter_);
    if (!json_) {
      PrintList(list);
      return 0;
    }
    text::JsonWriter json;
    json.BeginObject().Key("matching").Int(list.matching).Key("dead_letters").BeginArray();
    for (const auto& row : list.rows) WriteRow(json, row, false);
    json.EndArray().EndObject();
    std::cout << json.Take() << '\n';
    return 0;
  }

 private:
  Option GroupByOption() {
    return {.names = {"--group-by"},
            .value_name = "NAMES",
            .help = "count them by these, with commas between: reason, key, model",
            .set = [this](const std::string& value) -> std::optional<Problem> {
              group_by_ = ParseGroupNames(value);
              if (!group_by_.empty()) return std::nullopt;
              return Problem{.what = "must be names with commas between",
                             .fix = "choose from reason, key, model"};
            }};
  }
  [[nodiscard]] int PrintGrouped(const std::vector<DeadLetterGroup>& groups) const {
    if (json_) {
      std::cout << GroupsJson(group_by_, groups) << '\n';
    } else {
      PrintGroups(std::cout, group_by_, groups);
    }
    return 0;
  }

  std::vector<std::string> group_by_;  // empty: one line for each dead letter
};

class Show final : public DeadLetterCommand {
 public:
  Show()
      : DeadLetterCommand({.name = "show",
                           .summary = "Show one dead letter with its payload",
                           .examples = {"usage-ingestd dead-letters show --id 42"}},
                          {.postgres = Need::kServer}) {}

  // The other options of the group do not help to show one.
  std::vector<Option> Options() override {
    return {NumbersOption({"--id", "NUMBER", "the one with this id; repeatable"}, filter_.ids),
            Flag("--json", "print one JSON object instead of lines", json_)};
  }

  [[nodiscard]] std::optional<Problem> Check() const override {
    if (!filter_.ids.empty()) return std::nullopt;
    return Problem{.what = "an id is needed",
                   .fix = "give --id; `usage-ingestd dead-letters list` shows the ids"};
  }

  int Run(const CommandContext& context) override {
    auto connection = assembly::ConnectOrThrow(context.config(), "dead-letters");
    const auto letters = ShowDeadLetters(connection, filter_);
    if (letters.empty()) {
      throw text::UserError(text::ExitCode::kNoInput,
                            {.what = "there is no such dead letter",
                             .where = "--id",
                             .fix = "`usage-ingestd dead-letters list` shows the ids"});
    }
    if (json_) {
      PrintJson(letters);
      return 0;
    }
    for (const auto& row : letters) {
      PrintOne(row);
      if (&row != &letters.back()) std::cout << '\n';
    }
    return 0;
  }

 private:
  static void PrintJson(const std::vector<DeadLetterRow>& letters) {
    text::JsonWriter json;
    json.BeginObject().Key("dead_letters").BeginArray();
    for (const auto& row : letters) WriteRow(json, row, true);
    json.EndArray().EndObject();
    std::cout << json.Take() << '\n';
  }
};

// In this process, through the same pipeline as the daemon's.
class Retry final : public DeadLetterCommand {
 public:
  Retry()
      : DeadLetterCommand({.name = "retry",
                           .summary = "Process dead letters again",
                           .description = "Those that can be written now are written and counted "
                                          "once; the others stay pending. Without options, all "
                                          "pending ones.",
                           .examples = {"usage-ingestd dead-letters retry --json"}},
                          {.postgres = Need::kServer}) {}

  int Run(const CommandContext& context) override {
    // It refuses a transaction pooler.
    auto connection = assembly::ConnectOrThrow(context.config(), "dead-letters");
    if (filter_.is_of_a_caller()) {
      filter_.ids = PendingDeadLetterIds(connection, filter_);
      if (filter_.ids.empty()) {  // no id would mean every pending one
        replay::PrintReplayReport({{}, false}, json_);
        return 0;
      }
    }
    boost::asio::io_context io{1};
    pipeline::SystemClock clock;
    replay::ReplayTotals totals;
    postgres::background::DeadLetterRetrier retrier(
        assembly::StoreOptionsFor(context.config(), "dead-letters"),
        assembly::DecoderOptionsFor(context.config()), totals, {io.get_executor(), clock});
    postgres::background::DeadLetterSelection selection;
    if (!filter_.reason.empty()) selection.reasons = {filter_.reason};
    selection.ids = filter_.ids;
    if (filter_.since) selection.first_seen_since = *filter_.since;

    const std::stop_callback on_stop(context.stop,
                                     [&] { boost::asio::post(io, [&] { retrier.Stop(); }); });
    std::optional<Result<postgres::background::RetryReport>> retried;
    boost::asio::co_spawn(
        io, retrier.Retry(selection),
        [&](const std::exception_ptr& bug, Result<postgres::background::RetryReport> result) {
          if (bug) std::rethrow_exception(bug);
          retried = std::move(result);
        });
    io.run();
    // NOLINTBEGIN(bugprone-unchecked-optional-access): the completion handler has run
    if (!*retried && context.stop.stop_requested()) {
      return EndInterrupted({totals.counts(), false}, json_, "dead-letters retry");
    }
    if (!*retried) {
      return EndFailed({totals.counts(), false}, json_,
                       assembly::ToUserError(retried->error(), "PostgreSQL"));
    }
    const postgres::background::RetryReport& report = **retried;
    // NOLINTEND(bugprone-unchecked-optional-access)
    if (!report.is_complete) {
      return EndInterrupted({report.outcomes, false}, json_, "dead-letters retry");
    }
    replay::PrintReplayReport({report.outcomes, false}, json_);
    return 0;
  }
};

class Discard final : public DeadLetterCommand {
 public:
  Discard()
      : DeadLetterCommand({.name = "discard",
                           .summary = "Give up dead letters: they are not retried again",
                           .examples = {"usage-ingestd dead-letters discard --id 42 --id 43",
                                        "usage-ingestd dead-letters discard --reason invalid_json",
                                        "usage-ingestd dead-letters discard --model gpt-4-test"}},
                          {.postgres = Need::kServer}) {}

  std::vector<Option> Options() override {
    auto options = DeadLetterCommand::Options();
    options.push_back(Flag("--all", "all pending ones", all_));
    return options;
  }

  [[nodiscard]] std::optional<Problem> Check() const override {
    if (all_ || !filter_.empty()) return std::nullopt;
    return Problem{.what = "this would give up every pending dead letter",
                   .fix = "select by --id, --reason, --key, --model or --since, or say --all"};
  }

  int Run(const CommandContext& context) override {
    auto connection = assembly::ConnectOrThrow(context.config(), "dead-letters");
    const std::int64_t discarded = DiscardDeadLetters(connection, filter_);
    if (json_) {
      text::JsonWriter json;
      json.BeginObject().Key("discarded").Int(discarded).EndObject();
      std::cout << json.Take() << '\n';
    } else {
      std::cout << Counted(discarded) << " discarded\n";
    }
    return 0;
  }

 private:
  bool all_ = false;
};

}  // namespace

CommandPtr MakeDeadLetters() {
  CommandList commands;
  commands.push_back(std::make_unique<List>());
  commands.push_back(std::make_unique<Show>());
  commands.push_back(std::make_unique<Retry>());
  commands.push_back(std::make_unique<Discard>());
  return MakeGroup({.name = "dead-letters",
                    .summary = "List, show, retry or discard events that could not be written",
                    .examples = {}},
                   std::move(commands));
}

}  // namespace usage_ingest::commands
