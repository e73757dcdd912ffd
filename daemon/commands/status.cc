// `status`: what the running daemon and the database say about the progress.
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <future>
#include <iostream>
#include <optional>
#include <sstream>
#include <thread>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/command_list.h"
#include "daemon/progress/daemon_answer.h"
#include "daemon/progress/daemon_list.h"
#include "daemon/progress/status_table.h"
#include "daemon/progress/stored_progress.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"

namespace usage_ingest::commands {
namespace {

namespace json = boost::json;
using progress::NumberOf;
using progress::StatusUrl;
using progress::TextOf;

constexpr auto kWatchPeriod = std::chrono::seconds(2);
constexpr std::string_view kClearScreen = "\x1b[H\x1b[J";

struct Gathered {
  progress::DaemonAnswer daemon;
  std::optional<progress::StoredProgress> stored;
  Problem postgres_error;
};

Gathered Gather(const config::Config& config, const StatusUrl& url) {
  Gathered gathered{.daemon = progress::AskDaemon(url), .stored = {}, .postgres_error = {}};
  try {
    auto connection = assembly::ConnectOrThrow(config, "status");
    gathered.stored = progress::ReadStoredProgress(connection, config.kafka.group_id);
  } catch (const text::UserError& error) {
    gathered.postgres_error = error.problem();
  }
  return gathered;
}

void PrintDaemon(const Gathered& gathered) {
  if (!gathered.daemon.has_answered()) {
    std::cout << "daemon        does not answer: " << gathered.daemon.error << '\n';
    return;
  }
  const json::object& daemon = gathered.daemon.json;
  const bool is_ready = progress::IsReady(daemon);
  std::cout << "daemon        " << TextOf(daemon, "version") << " (" << TextOf(daemon, "commit")
            << "), up " << text::Roughly(NumberOf(daemon, "uptime_seconds")) << ", "
            << (is_ready ? "ready" : "waiting: " + TextOf(daemon, "reason")) << '\n';
  std::istringstream attention(is_ready ? TextOf(daemon, "reason") : "");
  for (std::string line; std::getline(attention, line);) {
    std::cout << "attention     " << text::Printable(line) << '\n';
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
  out.BeginObject();
  progress::WriteDaemonAnswer(out, gathered.daemon);
  out.Key("postgres");
  if (gathered.stored) {
    progress::WriteStoredProgress(out, *gathered.stored);
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
  progress::PrintPartitions(std::cout, gathered.daemon.json, gathered.stored);
}

// All at the same time: those that do not answer cost one time-out, not one each.
std::vector<progress::ListedDaemon> AskAll(const std::vector<std::string>& urls) {
  std::vector<std::future<progress::DaemonAnswer>> asked;
  asked.reserve(urls.size());
  for (const std::string& url : urls) {
    asked.push_back(std::async(std::launch::async, [address = *progress::ParseStatusUrl(url)] {
      return progress::AskDaemon(address);
    }));
  }
  std::vector<progress::ListedDaemon> daemons;
  for (std::size_t i = 0; i < urls.size(); ++i) daemons.push_back({urls[i], asked[i].get()});
  return daemons;
}

bool AllAnswered(const std::vector<progress::ListedDaemon>& daemons) {
  return std::ranges::all_of(daemons, [](const auto& each) { return each.answer.has_answered(); });
}

class Status final : public Command {
 public:
  Status()
      : Command({.name = "status",
                 .summary = "Show lag, rate and errors of the running daemon",
                 .description =
                     "The partition that is furthest behind comes first, the totals last. Exit "
                     "status 0: the daemon answers. 69: it does not. In both cases the counts from "
                     "the database are shown, if it answers. With several --url it shows one line "
                     "for each daemon and their sum, and needs no configuration and no database; "
                     "69: one of them does not answer.",
                 .examples = {"usage-ingestd status", "usage-ingestd status --watch",
                              "usage-ingestd status --url http://ingest-2.example.com:19464/",
                              "usage-ingestd status --url http://ingest-a.example.com:19464/ "
                              "--url http://ingest-b.example.com:19464/"}},
                {.postgres = Need::kKeys}) {}

  // Each of several daemons may have a database of its own, which no configuration here names.
  [[nodiscard]] CommandNeeds needs() const override {
    return urls_.size() > 1 ? CommandNeeds{} : Command::needs();
  }

  std::vector<Option> Options() override {
    Option watch = Flag("--watch", "show it again every two seconds, until Ctrl-C", watch_);
    watch.excludes = "--json";
    return {JsonFlag(json_), std::move(watch), UrlOption()};
  }

  int Run(const CommandContext& context) override {
    while (watch_ && std::cout) {
      if (isatty(STDOUT_FILENO) != 0) std::cout << kClearScreen;
      static_cast<void>(Show(context.config()));  // ignored because it is shown, and may change
      std::cout << '\n' << std::flush;
      std::this_thread::sleep_for(kWatchPeriod);
    }
    return text::ToInt(Show(context.config()) ? text::ExitCode::kOk : text::ExitCode::kUnavailable);
  }

 private:
  // False: a daemon does not answer.
  [[nodiscard]] bool Show(const config::Config& config) const {
    if (urls_.size() > 1) {
      const auto daemons = AskAll(urls_);
      if (json_) {
        std::cout << progress::DaemonsJson(daemons) << '\n';
      } else {
        progress::PrintDaemons(std::cout, daemons);
      }
      return AllAnswered(daemons);
    }
    const Gathered gathered =
        Gather(config, urls_.empty() ? StatusUrl{.address = config.http_listen}
                                     : *progress::ParseStatusUrl(urls_.front()));
    json_ ? PrintJson(gathered) : PrintText(gathered);
    return gathered.daemon.has_answered();
  }

  Option UrlOption() {
    return {
        .names = {"--url"},
        .value_name = "URL",
        .help = "ask the daemon at this address instead of that of http.listen; may be repeated",
        .is_repeatable = true,
        .set = [this](const std::string& value) -> std::optional<Problem> {
          if (!progress::ParseStatusUrl(value)) {
            return Problem{.what = "is not the address of a status page",
                           .fix = "use http://host:port/, as a browser does"};
          }
          urls_.push_back(value);
          return std::nullopt;
        }};
  }

  bool json_ = false;
  bool watch_ = false;
  std::vector<std::string> urls_;  // empty: that of the configuration
};

}  // namespace

CommandPtr MakeStatus() { return std::make_unique<Status>(); }

}  // namespace usage_ingest::commands
