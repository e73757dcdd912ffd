// `support-bundle`: one text with what is needed to find a fault, and without a secret.
#include <fmt/format.h>
#include <sys/utsname.h>

#include <boost/json.hpp>
#include <functional>
#include <iostream>
#include <sstream>

#include "daemon/assembly/database_access.h"
#include "daemon/bundle/catalogue_facts.h"
#include "daemon/bundle/config_text.h"
#include "daemon/bundle/secrets.h"
#include "daemon/commands/command_list.h"
#include "daemon/commands/connect_checks.h"
#include "daemon/http/http_get.h"
#include "daemon/progress/daemon_answer.h"
#include "daemon/text/units.h"
#include "daemon/text/version.h"
#include "ingest/kafka/client/property_names.h"
#include "ingest/pipeline/runtime.h"

namespace usage_ingest::commands {
namespace {

namespace json = boost::json;

constexpr auto kTimeout = std::chrono::seconds(5);

void PrintVersion(std::ostream& out) {
  out << "usage-ingestd " << text::kVersion << " (" << text::kCommit << ")\n";
  for (const text::LibraryVersion& library : text::LibraryVersions()) {
    out << library.name << ' ' << library.version << '\n';
  }
  out << "librdkafka " << kafka::client::LibraryVersion() << " (loaded)\n";
  utsname system{};
  if (uname(&system) == 0) {
    out << fmt::format("{} {} {}\n", system.sysname, system.release, system.machine);
  }
}

// The answer of the daemon that runs with this configuration; why there is none.
std::string Ask(const config::Config& config, const std::string& path) {
  const auto answer = http::HttpGet(config.http_listen, path, kTimeout);
  return answer ? *answer : fmt::format("not known: {}\n", answer.error().context);
}

void PrintRecentErrors(const std::string& status, std::ostream& out) {
  boost::system::error_code error;
  const json::value parsed = json::parse(status, error);
  const json::object* daemon = error ? nullptr : parsed.if_object();
  const json::value* errors = daemon == nullptr ? nullptr : daemon->if_contains("errors");
  if (errors == nullptr || !errors->is_array()) {
    out << "the daemon does not answer; add the output of `journalctl -u usage-ingestd -n 500`, "
           "from which no secret is removed\n";
    return;
  }
  for (const json::value& each : errors->as_array()) {
    if (!each.is_object()) continue;
    const json::object& entry = each.as_object();
    out << fmt::format("{} {} ({} times): {}\n", progress::TextOf(entry, "time"),
                       progress::TextOf(entry, "source"), progress::NumberOf(entry, "times"),
                       progress::TextOf(entry, "message"));
  }
}

void PrintDatabase(const config::Config& config, std::ostream& out) {
  try {
    auto connection = assembly::ConnectOrThrow(config, "support-bundle");
    bundle::PrintCatalogueFacts(connection, out);
  } catch (const text::UserError& error) {
    out << "not known: " << error.problem().what << '\n';
  }
}

class SupportBundle final : public Command {
 public:
  SupportBundle()
      : Command({.name = "support-bundle",
                 .summary = "Print what a support request needs, without secrets",
                 .description =
                     "Version, configuration, checks of broker and database, status and metrics "
                     "of the running daemon, recent errors, and sizes, partitions, indexes, "
                     "triggers and settings of the database. What does not answer is left out, "
                     "and the text says so. Passwords, keys and the contents of events are never "
                     "in it. Names of hosts, topics, roles and tables are.",
                 .examples = {"usage-ingestd support-bundle >bundle.txt"}},
                {.kafka = Need::kKeys, .postgres = Need::kKeys, .reports_problems = true}) {}

  int Run(const CommandContext& context) override {
    const config::LoadedConfig& loaded = context.loaded;
    const config::Environment environment = config::ProcessEnvironment();
    std::ostringstream out;
    out << "usage-ingestd support bundle, "
        << text::FormatIsoTime(pipeline::SystemClock().WallNow()) << '\n';
    const auto section = [&](std::string_view title) { out << "\n== " << title << " ==\n"; };
    section("version");
    PrintVersion(out);
    section("configuration");
    out << bundle::ConfigText(loaded);
    section("environment: names only");
    out << bundle::EnvironmentText(environment);
    if (loaded.problems.empty()) PrintServers(loaded.config, section, out);
    const auto secrets = bundle::Secrets::Find(loaded, environment);
    std::cout << secrets.RemovedFrom(std::move(out).str());
    return 0;
  }

 private:
  using Section = std::function<void(std::string_view title)>;

  static void PrintServers(const config::Config& config, const Section& section,
                           std::ostream& out) {
    section("checks of broker and database");
    PrintChecks(CheckConnections(config), out);
    section("recent errors of the daemon");
    const std::string status = Ask(config, "/status");
    PrintRecentErrors(status, out);
    section("status of the daemon");
    out << status << '\n';
    section("metrics of the daemon");
    out << Ask(config, "/metrics");
    section("database");
    PrintDatabase(config, out);
  }
};

}  // namespace

CommandPtr MakeSupportBundle() { return std::make_unique<SupportBundle>(); }

}  // namespace usage_ingest::commands
