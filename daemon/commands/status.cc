// `status`: what the running daemon and the database say about the progress.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <iostream>
#include <optional>
#include <sstream>
#include <thread>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/command_list.h"
#include "daemon/commands/dead_letter_query.h"
#include "daemon/commands/offsets_query.h"
#include "daemon/commands/status_table.h"
#include "daemon/commands/status_url.h"
#include "daemon/http/http_get.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"

namespace usage_ingest::commands {
namespace {

namespace json = boost::json;

constexpr auto kTimeout = std::chrono::seconds(5);
constexpr auto kWatchPeriod = std::chrono::seconds(2);
constexpr std::string_view kClearScreen = "\x1b[H\x1b[J";

struct Gathered {
  std::string daemon_text;  // /status, valid JSON; empty when the daemon did not answer
  json::object daemon;
  std::string daemon_error;
  std::optional<StoredProgress> stored;
  text::Problem postgres_error;
};

Gathered Gather(const config::Config& config, const StatusUrl& url) {
  Gathered gathered;
  auto answer = http::HttpGet(url.address, url.path, kTimeout);
  if (answer) {
    boost::system::error_code error;
    const json::value value = json::parse(*answer, error);
    if (!error && value.is_object()) {
      gathered.daemon_text = *answer;
      gathered.daemon = value.as_object();
    } else {
      gathered.daemon_error = "the program that answers there is not usage-ingestd";
    }
  } else {
    gathered.daemon_error = answer.error().context;
  }
  try {
    auto connection = assembly::ConnectOrThrow(config, "status");
    gathered.stored = ReadStoredProgress(connection, config.kafka.group_id);
  } catch (const text::UserError& error) {
    gathered.postgres_error = error.problem();
  }
  return gathered;
}

void PrintDaemon(const Gathered& gathered) {
  if (gathered.daemon_text.empty()) {
    std::cout << "daemon        does not answer: " << gathered.daemon_error << '\n';
    return;
  }
  const json::object& daemon = gathered.daemon;
  const json::value* ready = daemon.if_contains("ready");
  const bool is_ready = ready != nullptr && ready->is_bool() && ready->as_bool();
  std::cout << "daemon        " << TextOf(daemon, "version") << " (" << TextOf(daemon, "commit")
            << "), up " << text::Roughly(NumberOf(daemon, "uptime_seconds")) << ", "
            << (is_ready ? "ready" : "waiting: " + TextOf(daemon, "reason")) << '\n';
  std::istringstream attention(is_ready ? TextOf(daemon, "reason") : "");
  for (std::string line; std::getline(attention, line);) {
    std::cout << "attention     " << Printable(line) << '\n';
  }
  std::cout << "group         " << TextOf(daemon, "group_id") << '\n';
  if (const std::string path = TextOf(daemon, "copy_path"); !path.empty()) {
    std::cout << "foreign keys  by " << path << '\n';
  }
  if (const double held = NumberOf(daemon, "batch_held_seconds"); held >= 1) {
    std::cout << "held batch    for " << text::Roughly(held)
              << ", see the errors of the status page\n";
  }
  if (const double runway = NumberOf(daemon, "partition_runway_seconds"); runway > 0) {
    std::cout << "partitions    for " << text::Roughly(runway) << '\n';
  }
}

void PrintDeadLetters(const Gathered& gathered) {
  if (!gathered.stored) {
    std::cout << "PostgreSQL    does not answer: " << gathered.postgres_error.what << '\n'
              << "      fix:    " << gathered.postgres_error.fix << '\n';
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
    out.Null().Key("postgres_error").String(gathered.postgres_error.what);
  }
  out.EndObject();
  std::cout << out.Take() << '\n';
}

void PrintText(const Gathered& gathered) {
  PrintDaemon(gathered);
  PrintDeadLetters(gathered);
  std::cout << '\n';
  PrintPartitions(std::cout, gathered.daemon, gathered.stored);
}

class Status final : public Command {
 public:
  Status()
      : Command({.name = "status",
                 .summary = "Show lag, rate and errors of the running daemon",
                 .description = "The partition that is furthest behind comes first, the totals "
                                "last. Exit status 0: the daemon answers. 69: it does not. In both "
                                "cases the counts from the database are shown, if it answers.",
                 .examples = {"usage-ingestd status", "usage-ingestd status --watch",
                              "usage-ingestd status --url http://ingest-2.example.com:19464/"}},
                {.postgres = Need::kKeys}) {}

  std::vector<Option> Options() override {
    Option watch = Flag("--watch", "show it again every two seconds, until Ctrl-C", watch_);
    watch.excludes = "--json";
    return {JsonFlag(json_), std::move(watch), UrlOption()};
  }

  int Run(const CommandContext& context) override {
    const config::Config& config = context.config();
    const StatusUrl url = url_.value_or(StatusUrl{.address = config.http_listen});
    Gathered gathered = Gather(config, url);
    while (watch_ && std::cout) {
      if (isatty(STDOUT_FILENO) != 0) std::cout << kClearScreen;
      PrintText(gathered);
      std::cout << '\n' << std::flush;
      std::this_thread::sleep_for(kWatchPeriod);
      gathered = Gather(config, url);
    }
    if (json_) {
      PrintJson(gathered);
    } else {
      PrintText(gathered);
    }
    return text::ToInt(gathered.daemon_text.empty() ? text::ExitCode::kUnavailable
                                                    : text::ExitCode::kOk);
  }

 private:
  Option UrlOption() {
    return {.names = {"--url"},
            .value_name = "URL",
            .help = "ask the daemon at this address instead of that of http.listen",
            .set = [this](const std::string& value) -> std::optional<text::Problem> {
              url_ = ParseStatusUrl(value);
              if (url_) return std::nullopt;
              return text::Problem{.what = "is not the address of a status page",
                                   .fix = "use http://host:port/, as a browser does"};
            }};
  }

  bool json_ = false;
  bool watch_ = false;
  std::optional<StatusUrl> url_;  // nullopt: that of the configuration
};

}  // namespace

CommandPtr MakeStatus() { return std::make_unique<Status>(); }

}  // namespace usage_ingest::commands
