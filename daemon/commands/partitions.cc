// `partitions`: lists, creates and drops the partitions of usage_logs; `skip` is about a
// partition of Kafka (partitions_skip.cc).
#include <fmt/format.h>

#include <chrono>
#include <iostream>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/command_list.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"
#include "daemon/text/units.h"
#include "ingest/pipeline/runtime.h"
#include "ingest/postgres/admin/partition_admin.h"

namespace usage_ingest::commands {
namespace {

using Align = text::TextTable::Align;
using Outcome = postgres::admin::RetainedPartition::Outcome;

std::string Bound(const std::optional<EventTimeUs>& time) {
  return time ? text::FormatIsoTime(*time).substr(0, 10) : "open";
}

std::string Remark(const postgres::admin::PartitionInfo& partition) {
  if (partition.is_default) return "default partition: rows here block new partitions";
  return partition.detach_pending ? "detach pending: `partitions retain` finishes it" : "";
}

std::string Indexes(const postgres::admin::PartitionInfo& partition) {
  return partition.indexes_valid == partition.indexes_wanted
             ? "all"
             : fmt::format("{} of {}", partition.indexes_valid, partition.indexes_wanted);
}

void PrintTable(const std::vector<postgres::admin::PartitionInfo>& partitions,
                std::chrono::seconds runway) {
  text::TextTable table({{"partition", Align::kLeft},
                         {"from", Align::kLeft},
                         {"to", Align::kLeft},
                         {"rows (estimate)"},
                         {"size"},
                         {"indexes"},
                         {"", Align::kLeft}});
  for (const auto& each : partitions) {
    const std::string rows = each.rows_estimate < 0 ? "?" : text::Grouped(each.rows_estimate);
    table.AddRow({each.name, Bound(each.from), Bound(each.to), rows,
                  fmt::format("{} MiB", text::Grouped(each.bytes >> 20)), Indexes(each),
                  Remark(each)});
  }
  table.Print(std::cout);
  std::cout << "they last for " << text::Roughly(static_cast<double>(runway.count())) << '\n';
}

void WriteTime(text::JsonWriter& json, std::string_view key,
               const std::optional<EventTimeUs>& time) {
  json.Key(key).StringOrNull(time ? text::FormatIsoTime(*time) : "");
}

void PrintJson(const std::vector<postgres::admin::PartitionInfo>& partitions,
               std::chrono::seconds runway) {
  text::JsonWriter json;
  json.BeginObject().Key("partitions").BeginArray();
  for (const auto& each : partitions) {
    json.BeginObject().Key("name").String(each.name);
    WriteTime(json, "from", each.from);
    WriteTime(json, "to", each.to);
    json.Key("default").Bool(each.is_default);
    json.Key("detach_pending").Bool(each.detach_pending);
    json.Key("bytes").Int(each.bytes);
    json.Key("rows_estimate").Int(each.rows_estimate);
    json.Key("indexes_wanted").Int(each.indexes_wanted);
    json.Key("indexes_valid").Int(each.indexes_valid);
    json.EndObject();
  }
  json.EndArray().Key("runway_seconds").Int(runway.count()).EndObject();
  std::cout << json.Take() << '\n';
}

std::string_view NameOf(Outcome outcome) {
  switch (outcome) {
    case Outcome::kWouldGo:
      return "would go";
    case Outcome::kDetached:
      return "detached";
    case Outcome::kDropped:
      break;
  }
  return "dropped";
}

class PartitionsCommand : public Command {
 public:
  explicit PartitionsCommand(CommandText text, CommandNeeds needs = {.postgres = Need::kServer})
      : Command(std::move(text), needs) {}

  std::vector<Option> Options() override { return {JsonFlag(json_)}; }

 protected:
  bool json_ = false;
};

class List final : public PartitionsCommand {
 public:
  List()
      : PartitionsCommand({.name = "list",
                           .summary = "List the partitions and their sizes",
                           .examples = {"usage-ingestd partitions list"}}) {}

  int Run(const CommandContext& context) override {
    auto connection = assembly::ConnectOrThrow(context.config(), "partitions");
    const auto partitions =
        assembly::ValueOrThrow(postgres::admin::ListPartitions(connection), "usage_logs");
    const auto runway =
        postgres::admin::PartitionRunway(partitions, pipeline::SystemClock().WallNow());
    if (json_) {
      PrintJson(partitions, runway);
    } else {
      PrintTable(partitions, runway);
    }
    return 0;
  }
};

class Ensure final : public PartitionsCommand {
 public:
  Ensure()
      : PartitionsCommand({.name = "ensure",
                           .summary = "Create the partitions of the coming time",
                           .description = "As many as partitions.months_ahead says, or days_ahead "
                                          "if they are daily.",
                           .examples = {"usage-ingestd partitions ensure"}}) {}

  int Run(const CommandContext& context) override {
    auto connection = assembly::ConnectOrThrow(context.config(), "partitions");
    const auto partitions = assembly::ValueOrThrow(
        postgres::admin::EnsurePartitions(connection, {.plan = context.config().partitions}),
        "usage_logs");
    text::JsonWriter json;
    json.BeginObject().Key("partitions").BeginArray();
    for (const auto& each : partitions) {
      json.BeginObject().Key("from").String(each.first_day);
      json.Key("created").Bool(each.created).EndObject();
      if (!json_) {
        std::cout << each.first_day << (each.created ? "  created\n" : "  there already\n");
      }
    }
    json.EndArray().EndObject();
    if (json_) std::cout << json.Take() << '\n';
    return 0;
  }
};

class Retain final : public PartitionsCommand {
 public:
  Retain()
      : PartitionsCommand(
            {.name = "retain",
             .summary = "Drop the partitions that are older than the retention",
             .description = "partitions.retention_months or retention_days says how much is kept; "
                            "0 keeps everything.",
             .examples = {"usage-ingestd partitions retain --dry-run"}},
            {.postgres = Need::kServer, .owner = true}) {}

  std::vector<Option> Options() override {
    auto options = PartitionsCommand::Options();
    options.push_back(Flag("--dry-run", "show what would be dropped, change nothing", dry_run_));
    return options;
  }

  int Run(const CommandContext& context) override {
    const auto& plan = context.config().partitions;
    auto connection = assembly::ConnectOrThrow(context.config(), "partitions");
    if (plan.keeps_everything() && !json_) {
      std::cout << "partitions.retention_months and retention_days are 0: everything is kept\n";
    }
    const auto gone =
        assembly::ValueOrThrow(postgres::admin::RetainPartitions(
                                   connection, {.plan = plan, .dry_run = dry_run_},
                                   [](std::string_view name) { std::cerr << name << " …\n"; }),
                               "usage_logs");
    text::JsonWriter json;
    json.BeginObject().Key("partitions").BeginArray();
    for (const auto& partition : gone) {
      json.BeginObject().Key("name").String(partition.name);
      json.Key("outcome").String(NameOf(partition.outcome)).EndObject();
      if (!json_) std::cout << partition.name << "  " << NameOf(partition.outcome) << '\n';
    }
    json.EndArray().EndObject();
    if (json_) std::cout << json.Take() << '\n';
    return 0;
  }

 private:
  bool dry_run_ = false;
};

}  // namespace

CommandPtr MakePartitions() {
  CommandList commands;
  commands.push_back(std::make_unique<List>());
  commands.push_back(std::make_unique<Ensure>());
  commands.push_back(std::make_unique<Retain>());
  commands.push_back(MakePartitionsIndex());
  commands.push_back(MakePartitionsSkip());
  return MakeGroup(
      {.name = "partitions",
       .summary = "Care for the partitions of usage_logs, and for a stuck one of Kafka",
       .examples = {}},
      std::move(commands));
}

}  // namespace usage_ingest::commands
