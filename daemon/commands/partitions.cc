#include <fmt/format.h>

#include <chrono>
#include <iostream>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/verbs.h"
#include "daemon/text/json_writer.h"
#include "daemon/text/text_table.h"
#include "daemon/text/units.h"
#include "ingest/postgres/admin/partition_admin.h"

namespace usage_ingest::commands {
namespace {

using Align = text::TextTable::Align;
using Outcome = postgres::admin::RetainedPartition::Outcome;

EventTimeUs Now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(now).count()};
}

std::string Bound(const std::optional<EventTimeUs>& time) {
  return time ? text::FormatIsoTime(*time).substr(0, 10) : "open";
}

std::string Remark(const postgres::admin::PartitionInfo& partition) {
  if (partition.is_default) return "default partition: rows here block new months";
  return partition.detach_pending ? "detach pending: `partitions retain` finishes it" : "";
}

void PrintTable(const std::vector<postgres::admin::PartitionInfo>& partitions,
                std::chrono::seconds runway) {
  text::TextTable table({{"partition", Align::kLeft},
                         {"from", Align::kLeft},
                         {"to", Align::kLeft},
                         {"rows (estimate)"},
                         {"size"},
                         {"", Align::kLeft}});
  for (const auto& each : partitions) {
    const std::string rows = each.rows_estimate < 0 ? "?" : text::Grouped(each.rows_estimate);
    table.AddRow({each.name, Bound(each.from), Bound(each.to), rows,
                  fmt::format("{} MiB", text::Grouped(each.bytes >> 20)), Remark(each)});
  }
  table.Print(std::cout);
  std::cout << "they last for " << text::Roughly(static_cast<double>(runway.count())) << '\n';
}

void WriteTime(text::JsonWriter& json, std::string_view key,
               const std::optional<EventTimeUs>& time) {
  json.Key(key);
  if (time) {
    json.String(text::FormatIsoTime(*time));
  } else {
    json.Null();
  }
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
    json.EndObject();
  }
  json.EndArray().Key("runway_seconds").Int(runway.count()).EndObject();
  std::cout << json.Take() << '\n';
}

int List(postgres::blocking::SyncConnection& connection, const PartitionsOptions& options) {
  const auto partitions =
      assembly::ValueOrThrow(postgres::admin::ListPartitions(connection), "usage_logs");
  const auto runway = postgres::admin::PartitionRunway(partitions, Now());
  if (options.json) {
    PrintJson(partitions, runway);
  } else {
    PrintTable(partitions, runway);
  }
  return 0;
}

int Ensure(postgres::blocking::SyncConnection& connection, const config::Config& config,
           const PartitionsOptions& options) {
  const auto months =
      assembly::ValueOrThrow(postgres::admin::EnsurePartitions(
                                 connection, {.months_ahead = config.partitions.months_ahead}),
                             "usage_logs");
  text::JsonWriter json;
  json.BeginObject().Key("months").BeginArray();
  for (const auto& month : months) {
    json.BeginObject().Key("month").String(month.month);
    json.Key("created").Bool(month.created).EndObject();
    if (!options.json) {
      std::cout << month.month << (month.created ? "  created\n" : "  there already\n");
    }
  }
  json.EndArray().EndObject();
  if (options.json) std::cout << json.Take() << '\n';
  return 0;
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

int Retain(postgres::blocking::SyncConnection& connection, const config::Config& config,
           const PartitionsOptions& options) {
  if (config.partitions.retention_months == 0 && !options.json) {
    std::cout << "partitions.retention_months is 0: everything is kept\n";
  }
  const auto gone = assembly::ValueOrThrow(
      postgres::admin::RetainPartitions(
          connection,
          {.retention_months = config.partitions.retention_months, .dry_run = options.dry_run},
          [](std::string_view name) { std::cerr << name << " …\n"; }),
      "usage_logs");
  text::JsonWriter json;
  json.BeginObject().Key("partitions").BeginArray();
  for (const auto& partition : gone) {
    json.BeginObject().Key("name").String(partition.name);
    json.Key("outcome").String(NameOf(partition.outcome)).EndObject();
    if (!options.json) std::cout << partition.name << "  " << NameOf(partition.outcome) << '\n';
  }
  json.EndArray().EndObject();
  if (options.json) std::cout << json.Take() << '\n';
  return 0;
}

}  // namespace

int Partitions(const config::Config& config, const PartitionsOptions& options) {
  auto connection = assembly::ConnectOrThrow(config, "partitions");
  switch (options.action) {
    case PartitionsAction::kList:
      return List(connection, options);
    case PartitionsAction::kEnsure:
      return Ensure(connection, config, options);
    case PartitionsAction::kRetain:
      break;
  }
  return Retain(connection, config, options);
}

}  // namespace usage_ingest::commands
