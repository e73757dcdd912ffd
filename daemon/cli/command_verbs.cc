#include "daemon/cli/command_verbs.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <functional>
#include <set>
#include <utility>

#include "daemon/text/units.h"
#include "schema/reasons.h"

namespace usage_ingest::cli {
namespace {

EventTimeUs Now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(now).count()};
}

// A time, or how long ago it was.
std::optional<EventTimeUs> ParseMoment(const std::string& text) {
  if (const auto ago = text::ParseDuration(text))
    return EventTimeUs{Now().value - ago->count() * 1000};
  return text::ParseIsoTime(text);
}

// Texts to values after CLI11 has taken them; its own conversions know neither type.
using Moment = std::optional<EventTimeUs>;
void AddTime(CLI::App& app, const std::string& name, Moment& target, const std::string& help) {
  const auto read = [&target, name](const CLI::results_t& texts) {
    target = ParseMoment(texts.front());
    if (target) return true;
    throw CLI::ValidationError(
        name,
        "not a time: use 2026-11-22T18:00:00Z (UTC when no zone is given), or 7d for 7 days ago");
  };
  app.add_option(name, read, help)->type_name("TIME");
}

// The options of the verb that was chosen, taken when they are complete.
using Choose = std::function<VerbOptions(VerbTargets&)>;

class VerbGrammar {
 public:
  VerbGrammar(CLI::App& app, VerbTargets& targets) : app_(app), t_(targets) {}

  void AddServiceVerbs();
  void AddReplay();
  void AddImport();
  void AddDeadLetters();
  void AddSummaries();
  void AddPartitions();

 private:
  CLI::App* AddVerb(CLI::App& parent, const std::string& name, const std::string& help,
                    Choose choose);
  static void AddJson(CLI::App& verb, bool& target);
  void AddDeadLetterAction(CLI::App& parent, commands::DeadLetterAction action,
                           const std::string& name, const std::string& help);

  CLI::App& app_;
  VerbTargets& t_;
};

CLI::App* VerbGrammar::AddVerb(CLI::App& parent, const std::string& name, const std::string& help,
                               Choose choose) {
  CLI::App* verb = parent.add_subcommand(name, help);
  verb->add_option("-c,--config", t_.config_path, "configuration file")
      ->type_name("FILE")
      ->capture_default_str();
  // Refers to the caller's targets: this object is gone when CLI11 calls it.
  verb->final_callback(
      [&targets = t_, choose = std::move(choose)] { targets.chosen = choose(targets); });
  return verb;
}

void VerbGrammar::AddJson(CLI::App& verb, bool& target) {
  verb.add_flag("--json", target, "one JSON object on stdout instead of a table");
}

void VerbGrammar::AddServiceVerbs() {
  AddVerb(app_, "run", "the daemon, in the foreground", [](const VerbTargets&) {
    return RunOptions{};
  })->footer("\nExample:\n  usage-ingestd run --config ./usage-ingestd.toml");

  CLI::App* check = AddVerb(app_, "check-config", "validates the configuration, every key of it",
                            [](const VerbTargets& targets) { return targets.check_config; });
  check->add_flag("--connect", t_.check_config.connect,
                  "also asks broker, topics, database, privileges, trigger and partitions");
  AddJson(*check, t_.check_config.json);
  check->footer("\nExample:\n  usage-ingestd check-config --connect");

  CLI::App* migrate = AddVerb(app_, "migrate", "creates what is missing in the database",
                              [](const VerbTargets& targets) { return targets.migrate; });
  auto* dry_run =
      migrate->add_flag("--dry-run", t_.migrate.dry_run, "prints the plan, changes nothing");
  migrate
      ->add_option("--print-grants", t_.migrate.print_grants_for,
                   "prints the GRANTs that `run` needs for a role, and does nothing else")
      ->type_name("ROLE")
      ->excludes(dry_run);
  migrate->footer(
      "\nExamples:\n  usage-ingestd migrate --dry-run\n"
      "  usage-ingestd migrate --print-grants usage_ingest | psql litemaas");

  CLI::App* status = AddVerb(app_, "status", "what a running daemon does, by partition",
                             [](const VerbTargets& targets) { return targets.status; });
  AddJson(*status, t_.status.json);
  status->footer("\nExample:\n  usage-ingestd status");

  CLI::App* version = AddVerb(app_, "version", "version, commit, libraries",
                              [](const VerbTargets& targets) { return targets.version; });
  AddJson(*version, t_.version.json);
}

void VerbGrammar::AddReplay() {
  CLI::App* verb =
      AddVerb(app_, "replay", "reads a range of a topic again, beside a running daemon",
              [](const VerbTargets& targets) { return targets.replay; });
  verb->add_option("--topic", t_.replay.topic, "the topic")->required();
  verb->add_option("--partition", t_.replay.partitions, "a partition; repeatable, default all")
      ->check(CLI::NonNegativeNumber)
      ->allow_extra_args(false);
  verb->add_option("--from-offset", t_.replay.from_offset, "first offset")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("--to-offset", t_.replay.to_offset, "the offset behind the last one")
      ->check(CLI::NonNegativeNumber);
  AddTime(*verb, "--from-time", t_.replay.from_time, "first timestamp of the record in Kafka");
  AddTime(*verb, "--to-time", t_.replay.to_time, "the timestamp behind the last one");
  verb->add_flag("--dry-run", t_.replay.dry_run, "counts, writes nothing");
  verb->add_flag("--no-quota", t_.replay.no_quota,
                 "writes rows and summaries but leaves used_* alone: back-fill of old months");
  AddJson(*verb, t_.replay.json);
  verb->footer(
      "\nIt is idempotent: what is there already is a duplicate and counts once.\n\nExamples:\n"
      "  usage-ingestd replay --topic litellm.usage.v1 --partition 0 --from-offset 0 "
      "--to-offset 5000\n"
      "  usage-ingestd replay --topic litellm.usage.v1 --from-time 2026-11-01 --to-time "
      "2026-12-01 --no-quota");
}

void VerbGrammar::AddImport() {
  CLI::App* verb = AddVerb(app_, "import", "reads events from files, through the same pipeline",
                           [](const VerbTargets& targets) { return targets.import; });
  verb->add_option("files", t_.import.files,
                   "NDJSON or JSON arrays, also .gz and .zst; - is standard input")
      ->type_name("FILE")
      ->required();
  verb->add_flag("--dry-run", t_.import.dry_run, "counts, writes nothing");
  verb->add_flag("--no-quota", t_.import.no_quota,
                 "writes rows and summaries but leaves used_* alone: back-fill of old months");
  AddJson(*verb, t_.import.json);
  verb->footer(
      "\nExamples:\n  usage-ingestd import litellm-2026-10-*.ndjson.gz\n"
      "  zcat export.json.gz | usage-ingestd import --json -");
}

void VerbGrammar::AddDeadLetterAction(CLI::App& parent, commands::DeadLetterAction action,
                                      const std::string& name, const std::string& help) {
  CLI::App* verb = AddVerb(parent, name, help, [action](VerbTargets& targets) {
    targets.dead_letters.action = action;
    return targets.dead_letters;
  });
  const std::set<std::string> reasons(kDeadLetterReasonNames.begin(), kDeadLetterReasonNames.end());
  verb->add_option("--reason", t_.dead_letters.reason, "only those of this reason")
      ->check(CLI::IsMember(reasons));
  AddTime(*verb, "--since", t_.dead_letters.since, "only those first seen at or after");
  verb->add_option("--id", t_.dead_letters.ids, "only this one; repeatable")
      ->check(CLI::NonNegativeNumber)
      ->allow_extra_args(false);
  if (action == commands::DeadLetterAction::kDiscard) {
    verb->add_flag("--all", t_.dead_letters.all, "every pending one");
  }
  AddJson(*verb, t_.dead_letters.json);
}

void VerbGrammar::AddDeadLetters() {
  CLI::App* verb = app_.add_subcommand("dead-letters", "events that could not be written");
  verb->require_subcommand(1);
  AddDeadLetterAction(*verb, commands::DeadLetterAction::kList, "list", "which there are");
  AddDeadLetterAction(*verb, commands::DeadLetterAction::kShow, "show",
                      "all of one, with its payload");
  AddDeadLetterAction(*verb, commands::DeadLetterAction::kRetry, "retry",
                      "puts them through the pipeline again");
  AddDeadLetterAction(*verb, commands::DeadLetterAction::kDiscard, "discard", "gives them up");
  verb->footer(
      "\nExamples:\n  usage-ingestd dead-letters list --reason unattributed --since 7d\n"
      "  usage-ingestd dead-letters show --id 42\n"
      "  usage-ingestd dead-letters retry --json\n"
      "  usage-ingestd dead-letters discard --id 42 --id 43");
}

void VerbGrammar::AddSummaries() {
  CLI::App* verb = app_.add_subcommand("summaries", "usage_summaries against usage_logs");
  verb->require_subcommand(1);
  const auto add = [&](commands::SummariesAction action, const std::string& name,
                       const std::string& help) {
    CLI::App* each = AddVerb(*verb, name, help, [action](VerbTargets& targets) {
      targets.summaries.action = action;
      return targets.summaries;
    });
    AddTime(*each, "--from", t_.summaries.from, "first period; default: the first that has logs");
    AddTime(*each, "--to", t_.summaries.to, "the time behind the last one; default: now");
    AddJson(*each, t_.summaries.json);
  };
  add(commands::SummariesAction::kVerify, "verify",
      "compares, row by row; exit 1 when they differ");
  add(commands::SummariesAction::kRebuild, "rebuild",
      "repairs in small transactions, while the daemon runs");
  verb->footer(
      "\nExamples:\n  usage-ingestd summaries verify --from 2026-11-01\n"
      "  usage-ingestd summaries rebuild --from 2026-10-01 --to 2026-11-01");
}

void VerbGrammar::AddPartitions() {
  CLI::App* verb = app_.add_subcommand("partitions", "the months of usage_logs");
  verb->require_subcommand(1);
  const auto add = [&](commands::PartitionsAction action, const std::string& name,
                       const std::string& help) {
    CLI::App* each = AddVerb(*verb, name, help, [action](VerbTargets& targets) {
      targets.partitions.action = action;
      return targets.partitions;
    });
    if (action == commands::PartitionsAction::kRetain) {
      each->add_flag("--dry-run", t_.partitions.dry_run, "says what would go, changes nothing");
    }
    AddJson(*each, t_.partitions.json);
  };
  add(commands::PartitionsAction::kList, "list", "which there are, and how large");
  add(commands::PartitionsAction::kEnsure, "ensure", "creates partitions.months_ahead of them");
  add(commands::PartitionsAction::kRetain, "retain",
      "drops those older than partitions.retention_months, as their owner");
  verb->footer("\nExample:\n  usage-ingestd partitions list");
}

}  // namespace

void AddVerbs(CLI::App& app, VerbTargets& targets) {
  VerbGrammar grammar(app, targets);
  grammar.AddServiceVerbs();
  grammar.AddReplay();
  grammar.AddImport();
  grammar.AddDeadLetters();
  grammar.AddSummaries();
  grammar.AddPartitions();
}

}  // namespace usage_ingest::cli
