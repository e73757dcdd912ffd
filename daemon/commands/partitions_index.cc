// `partitions index`: builds the indexes of partitions.indexes = "deferred".
#include <fmt/format.h>

#include <iostream>
#include <string_view>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/command_list.h"
#include "daemon/text/json_writer.h"
#include "ingest/postgres/admin/index_admin.h"

namespace usage_ingest::commands {
namespace {

using postgres::admin::BuiltIndex;
using postgres::batch::IndexTime;

std::string_view NameOf(BuiltIndex::Outcome outcome) {
  switch (outcome) {
    case BuiltIndex::Outcome::kWouldBuild:
      return "would be built";
    case BuiltIndex::Outcome::kBuilt:
      return "built";
    case BuiltIndex::Outcome::kGone:
      return "gone";
    case BuiltIndex::Outcome::kFailed:
      break;
  }
  return "failed";
}

class Index final : public Command {
 public:
  Index()
      : Command({.name = "index",
                 .summary = "Build the indexes of the days that are over",
                 .description = "With partitions.indexes = \"deferred\". A day is over when "
                                "partitions.index_after has passed since its end. One index at a "
                                "time, beside readers and writers. After one that cannot be built "
                                "the others are, and the exit status is not 0.",
                 .examples = {"usage-ingestd partitions index --dry-run"}},
                {.postgres = Need::kServer, .owner = true}) {}

  std::vector<Option> Options() override {
    return {JsonFlag(json_),
            Flag("--dry-run", "show what would be built, change nothing", dry_run_)};
  }

  int Run(const CommandContext& context) override {
    auto connection = assembly::ConnectOrThrow(context.config(), "partitions");
    const auto mode =
        assembly::ValueOrThrow(postgres::admin::ReadIndexTime(connection), "usage_logs");
    if (mode == IndexTime::kImmediate && !json_) {
      std::cout << "indexes are not deferred (partitions.indexes, usage-ingestd migrate): each "
                   "partition has them from the beginning\n";
    }
    const auto indexes = assembly::ValueOrThrow(
        postgres::admin::BuildIndexes(connection,
                                      {.plan = context.config().partitions, .dry_run = dry_run_},
                                      [](std::string_view what) { std::cerr << what << " …\n"; }),
        "usage_logs");
    text::JsonWriter json;
    json.BeginObject().Key("indexes").BeginArray();
    for (const BuiltIndex& index : indexes) {
      json.BeginObject().Key("partition").String(index.partition);
      json.Key("definition").String(index.definition);
      json.Key("outcome").String(NameOf(index.outcome));
      if (index.outcome == BuiltIndex::Outcome::kFailed) {
        json.Key("error").String(index.failure.context);
      }
      json.Key("milliseconds").Int(static_cast<std::int64_t>(index.seconds * 1000)).EndObject();
      if (!json_) {
        std::cout << fmt::format("{} {}  {} ({:.1f} s)\n", index.partition, index.definition,
                                 NameOf(index.outcome), index.seconds);
      }
    }
    json.EndArray().EndObject();
    if (json_) std::cout << json.Take() << '\n';
    assembly::ValueOrThrow(postgres::admin::CheckAllBuilt(indexes), "usage_logs");
    return 0;
  }

 private:
  bool json_ = false;
  bool dry_run_ = false;
};

}  // namespace

CommandPtr MakePartitionsIndex() { return std::make_unique<Index>(); }

}  // namespace usage_ingest::commands
