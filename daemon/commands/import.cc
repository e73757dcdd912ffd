// `import`: processes files of events, as LiteLLM exports them.
#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/commands/command_list.h"
#include "daemon/commands/report_end.h"
#include "daemon/replay/import_check.h"
#include "daemon/replay/import_file.h"
#include "daemon/replay/import_run.h"
#include "daemon/replay/replay_report.h"
#include "daemon/text/print_problems.h"
#include "daemon/text/progress_bar.h"
#include "daemon/text/user_error.h"

namespace usage_ingest::commands {
namespace {

constexpr std::int64_t kKiB = 1024;

// One pass over all files: the share of their bytes that was read, and the time that is left.
class PassProgress {
 public:
  PassProgress(std::string unit, const std::vector<replay::ImportFile>& files)
      : bar_(std::move(unit)) {
    for (const replay::ImportFile& file : files) total_ += file.bytes();
  }
  // `bytes` of the current file were read.
  void OnRead(std::int64_t bytes) {
    bar_.Update((finished_ + bytes) / kKiB, std::max(total_ / kKiB, std::int64_t{1}));
  }
  void EndFile(const replay::ImportFile& file) { finished_ += file.bytes(); }

 private:
  text::ProgressBar bar_;
  std::int64_t total_ = 0;
  std::int64_t finished_ = 0;
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
            DryRunFlag(options_.dry_run), NoQuotaFlag(options_.no_quota),
            NoHistoryFlag(options_.no_history), JsonFlag(json_)};
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
    std::vector<replay::ImportFile> files;
    for (const std::string& path : paths_) files.emplace_back(path);
    const auto elements = CheckAll(context, files);
    Problems refused;
    if (!elements || !WriteAll(context, files, *elements, refused)) {
      return EndInterrupted(Report(), json_, "import");
    }
    replay::PrintReplayReport(Report(), json_);
    for (const Problem& problem : refused) text::PrintProblem(problem, std::cerr);
    return text::ToInt(refused.empty() ? text::ExitCode::kOk : text::ExitCode::kBadInput);
  }

  // How many elements each file has; nothing if it was interrupted.
  static std::optional<std::vector<std::int64_t>> CheckAll(const CommandContext& context,
                                                           std::vector<replay::ImportFile>& files) {
    PassProgress progress("KiB checked", files);
    std::vector<std::int64_t> counts;
    for (replay::ImportFile& file : files) {
      const auto count =
          replay::CheckImportFile(file, context.config().events.record_bytes_max, context.stop,
                                  [&](std::int64_t bytes) { progress.OnRead(bytes); });
      if (!count) return std::nullopt;
      progress.EndFile(file);
      counts.push_back(*count);
    }
    return counts;
  }

  // False if it was interrupted.
  bool WriteAll(const CommandContext& context, std::vector<replay::ImportFile>& files,
                const std::vector<std::int64_t>& elements, Problems& refused) {
    PassProgress progress("KiB", files);
    for (std::size_t i = 0; i < files.size(); ++i) {
      replay::ImportRun run(context.config(), options_, files[i], elements[i], context.stop);
      if (!WriteOne(run, progress)) return false;
      progress.EndFile(files[i]);
      if (IsRefused(run.counts())) refused.push_back(AllRefused(files[i].name()));
    }
    return true;
  }

  bool WriteOne(replay::ImportRun& run, PassProgress& progress) {
    try {
      const bool is_complete = run.Run([&](std::int64_t bytes) { progress.OnRead(bytes); });
      total_.Add(run.counts());
      return is_complete;
    } catch (const text::UserError&) {
      total_.Add(run.counts());
      throw;
    }
  }

  [[nodiscard]] replay::ReplayReport Report() const { return {total_, options_.dry_run}; }

  static Problem AllRefused(const std::string& file) {
    return {.what = "every event of this file became a dead letter",
            .where = file,
            .fix = "usage-ingestd dead-letters list shows the reasons"};
  }

  std::vector<std::string> paths_;
  replay::ReplayLanesOptions options_;
  bool json_ = false;
  EventCounts total_;
};

}  // namespace

CommandPtr MakeImport() { return std::make_unique<Import>(); }

}  // namespace usage_ingest::commands
