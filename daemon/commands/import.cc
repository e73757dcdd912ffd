// `import`: processes files of events, as LiteLLM exports them.
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "daemon/commands/command_list.h"
#include "daemon/commands/report_end.h"
#include "daemon/replay/import_check.h"
#include "daemon/replay/import_file.h"
#include "daemon/replay/import_run.h"
#include "daemon/replay/replay_result.h"
#include "daemon/text/print_problems.h"
#include "daemon/text/user_error.h"

namespace usage_ingest::commands {
namespace {

struct CheckedFile {
  replay::ImportFile file;
  std::int64_t elements = 0;
};

// Nothing of the file became a row or was one already.
bool IsRefused(const EventCounts& counts) {
  return counts.dead_lettered > 0 && counts.inserted == 0 && counts.duplicates == 0;
}

class Import final : public Command {
 public:
  Import()
      : Command({.name = "import",
                 .summary = "Process events from files",
                 .description = "All files are checked before the first row is written. An event "
                                "that was written before is a duplicate and is not counted again. "
                                "An interrupted import of the same file continues where it "
                                "stopped. The status is 65 if a file is damaged or contains no "
                                "event, and if all events of a file became dead letters.",
                 .examples = {"usage-ingestd import litellm-2026-10-*.ndjson.gz",
                              "zcat export.json.gz | usage-ingestd import --json -"}},
                {.postgres = Need::kServer}) {}

  std::vector<Option> Options() override {
    return {FilesOperand("JSON objects or arrays, also .gz and .zst; - is standard input", paths_),
            DryRunFlag(options_.dry_run), NoQuotaFlag(options_.no_quota), JsonFlag(json_)};
  }

  int Run(const CommandContext& context) override {
    total_ = {};
    try {
      return ImportAll(context);
    } catch (const text::UserError& error) {
      return EndFailed(Report(), json_, error);
    }
  }

 private:
  int ImportAll(const CommandContext& context) {
    const config::Config& config = context.config();
    std::vector<CheckedFile> files;
    for (const std::string& path : paths_) {
      replay::ImportFile file(path);
      const auto elements =
          replay::CheckImportFile(file, config.events.record_bytes_max, context.stop);
      if (!elements) return EndInterrupted(Report(), json_, "import");
      files.push_back({std::move(file), *elements});
    }
    text::Problems refused;
    for (CheckedFile& checked : files) {
      replay::ImportRun run(config, options_, checked.file, checked.elements, context.stop);
      if (!RunOne(run)) return EndInterrupted(Report(), json_, "import");
      if (IsRefused(run.counts())) refused.push_back(AllRefused(checked.file.name()));
    }
    replay::PrintReplayReport(Report(), json_);
    for (const text::Problem& problem : refused) text::PrintProblem(problem, std::cerr);
    return text::ToInt(refused.empty() ? text::ExitCode::kOk : text::ExitCode::kBadInput);
  }

  // False if it was interrupted.
  bool RunOne(replay::ImportRun& run) {
    try {
      const bool is_complete = run.Run();
      total_.Add(run.counts());
      return is_complete;
    } catch (const text::UserError&) {
      total_.Add(run.counts());
      throw;
    }
  }

  [[nodiscard]] replay::ReplayReport Report() const { return {total_, options_.dry_run}; }

  static text::Problem AllRefused(const std::string& file) {
    return {.what = "every event of this file became a dead letter",
            .where = file,
            .fix = "usage-ingestd dead-letters list shows the reasons"};
  }

  std::vector<std::string> paths_;
  replay::ImportOptions options_;
  bool json_ = false;
  EventCounts total_;
};

}  // namespace

CommandPtr MakeImport() { return std::make_unique<Import>(); }

}  // namespace usage_ingest::commands
