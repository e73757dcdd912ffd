// `quotas`: lists the suspensions that quotas caused, and lifts them.
#include <iostream>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/command_list.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"
#include "ingest/postgres/admin/quota_admin.h"

namespace usage_ingest::commands {
namespace {

using Align = text::TextTable::Align;
using postgres::admin::Suspension;

constexpr std::string_view kChangedSince = "its status was changed since";
constexpr std::string_view kWouldBeLifted = "would be lifted";

// What became of a suspension.
struct Line {
  Suspension suspension;
  std::string outcome;
};

void PrintTable(const std::vector<Line>& lines) {
  text::TextTable table({{"subscription", Align::kLeft},
                         {"model", Align::kLeft},
                         {"suspended", Align::kLeft},
                         {"before", Align::kLeft},
                         {"requests"},
                         {"tokens"},
                         {"", Align::kLeft}});
  std::int64_t over_quota = 0;
  for (const auto& [suspension, outcome] : lines) {
    table.AddRow({suspension.subscription_id, suspension.model_id, suspension.suspended_at,
                  suspension.status_before, suspension.requests, suspension.tokens, outcome});
    over_quota += suspension.is_over_quota ? 1 : 0;
  }
  if (!table.empty()) table.Print(std::cout);
  std::cout << text::Grouped(std::ssize(lines))
            << (lines.size() == 1 ? " suspension" : " suspensions") << " by a quota\n";
  if (over_quota == 0) return;
  std::cout
      << "note: " << text::Grouped(over_quota) << (over_quota == 1 ? " is" : " are")
      << " still above the quota: the next event suspends again, unless the quota is raised, the "
         "counters are reset, or quotas.enforce is changed and `migrate` run\n";
}

void PrintJson(const std::vector<Line>& lines) {
  text::JsonWriter json;
  json.BeginObject().Key("suspensions").BeginArray();
  for (const auto& [suspension, outcome] : lines) {
    json.BeginObject().Key("subscription_id").String(suspension.subscription_id);
    json.Key("model_id").String(suspension.model_id);
    json.Key("suspended_at").String(suspension.suspended_at);
    json.Key("status_before").String(suspension.status_before);
    json.Key("over_quota").Bool(suspension.is_over_quota);
    json.Key("outcome").String(outcome).EndObject();
  }
  json.EndArray().EndObject();
  std::cout << json.Take() << '\n';
}

class Lift final : public Command {
 public:
  Lift()
      : Command({.name = "lift",
                 .summary = "Lift the suspensions that a quota caused",
                 .description = "The subscription gets the status that it had before. A suspension "
                                "whose status was changed since stays.",
                 .examples = {"usage-ingestd quotas lift --dry-run"}},
                {.postgres = Need::kServer, .owner = true}) {}

  std::vector<Option> Options() override {
    return {TextOption({"--subscription", "ID", "lift only the suspension of this subscription"},
                       subscription_id_),
            Flag("--dry-run", "show what would be lifted, change nothing", dry_run_),
            JsonFlag(json_)};
  }

  int Run(const CommandContext& context) override {
    auto connection = assembly::ConnectOrThrow(context.config(), "quotas");
    std::vector<Line> lines;
    for (Suspension& each : List(connection)) {
      std::string outcome = LiftOne(connection, each);
      lines.push_back({std::move(each), std::move(outcome)});
    }
    json_ ? PrintJson(lines) : PrintTable(lines);
    return 0;
  }

 private:
  std::vector<Suspension> List(postgres::blocking::SyncConnection& connection) const {
    return assembly::ValueOrThrow(postgres::admin::ListSuspensions(connection, subscription_id_),
                                  "subscriptions");
  }

  std::string LiftOne(postgres::blocking::SyncConnection& connection,
                      const Suspension& suspension) const {
    if (!suspension.is_liftable) return std::string(kChangedSince);
    if (dry_run_) return std::string(kWouldBeLifted);
    return assembly::ValueOrThrow(
        postgres::admin::LiftSuspension(connection, suspension.subscription_id), "subscriptions");
  }

  std::string subscription_id_;
  bool dry_run_ = false;
  bool json_ = false;
};

}  // namespace

CommandPtr MakeQuotas() {
  CommandList commands;
  commands.push_back(std::make_unique<Lift>());
  return MakeGroup(
      {.name = "quotas", .summary = "Lift suspensions that a quota caused", .examples = {}},
      std::move(commands));
}

}  // namespace usage_ingest::commands
