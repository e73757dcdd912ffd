// `import`: processes files of events, as LiteLLM exports them.
#include <array>
#include <memory>
#include <string>
#include <thread>

#include "daemon/assembly/database_access.h"
#include "daemon/commands/command_list.h"
#include "daemon/commands/interruption.h"
#include "daemon/replay/import_file.h"
#include "daemon/replay/import_splitter.h"
#include "daemon/replay/replay_lanes.h"
#include "daemon/replay/replay_progress.h"
#include "daemon/replay/replay_result.h"
#include "daemon/replay/stop_on_signal.h"
#include "daemon/text/progress_bar.h"
#include "daemon/text/user_error.h"

namespace usage_ingest::commands {
namespace {

constexpr auto kFullQueueWait = std::chrono::milliseconds(2);

void ReleaseText(void* text) noexcept { delete static_cast<std::string*>(text); }

// One file as one partition: its lines are the records, their numbers the offsets.
class FileImport {
 public:
  struct Options {
    bool dry_run = false;
    bool no_quota = false;
  };

  FileImport(const config::Config& config, Options options, const std::string& path)
      : config_(config),
        options_(options),
        file_(path),
        source_{"import:" + file_.sha256_hex(), PartitionId{0}},
        lanes_(config, {.lanes = 1, .dry_run = options.dry_run, .count_quotas = !options.no_quota}),
        producer_(std::move(lanes_.MakeProducers().front())) {}

  struct Result {
    EventCounts outcomes;
    bool is_complete = false;  // else it was interrupted
  };

  Result Run(const replay::StopOnSignal& stop) {
    // The end of the range: the number of lines is not known yet, and no file has more lines than
    // bytes.
    const replay::ReplayRange range{source_, Offset{1}, Offset{file_.bytes() + 2}};
    if (!options_.dry_run) {
      run_ = replay::OpenReplay(config_, replay::ReplayKind::kImport, {range}, !options_.no_quota);
      begin_ = run_.next_offsets.front();
    }
    lanes_.SetReplayIds(run_.ids);
    lanes_.Start(epoch_);
    PushStart();
    const bool is_complete = PushAll(stop);
    const EventCounts outcomes = is_complete ? lanes_.Finish() : lanes_.Interrupt();
    Close(is_complete ? replay::ReplayOutcome::kFinished : replay::ReplayOutcome::kInterrupted);
    return {outcomes, is_complete};
  }

 private:
  void PushStart() {
    pipeline::Record start;
    start.kind = pipeline::Record::Kind::kStart;
    start.source = &source_;
    start.epoch = pipeline::Epoch{epoch_.load()};
    start.offset = begin_;
    Push(start);
  }

  void Close(replay::ReplayOutcome outcome) {
    if (!options_.dry_run) replay::CloseReplay(config_, run_, outcome);
  }

  // False when it was interrupted. Throws UserError when the file is damaged.
  bool PushAll(const replay::StopOnSignal& stop) try {
    text::ProgressBar bar("events");
    replay::ImportSplitter splitter(config_.events.record_bytes_max,
                                    [&](std::int64_t number, std::string_view text) {
                                      if (number >= begin_.value) PushElement(number, text);
                                      bar.Update(number, 0);
                                    });
    std::array<char, 65536> buffer;
    while (const std::size_t got = file_.Read(buffer)) {
      if (stop.token().stop_requested()) return false;
      splitter.Feed({buffer.data(), got});
    }
    splitter.Finish();
    return true;
  } catch (const text::UserError&) {
    static_cast<void>(lanes_.Interrupt());  // the counts are in `replays`
    Close(replay::ReplayOutcome::kFailed);
    throw;
  }

  void PushElement(std::int64_t number, std::string_view text) {
    auto copy = std::make_unique<std::string>(text);
    pipeline::Record record;
    record.source = &source_;
    record.epoch = pipeline::Epoch{epoch_.load()};
    record.offset = Offset{number};
    record.is_import = true;
    record.value = *copy;
    record.Own(copy.release(), ReleaseText);
    Push(record);
  }

  void Push(pipeline::Record& record) {
    while (!producer_.TryPush(record)) std::this_thread::sleep_for(kFullQueueWait);
  }

  const config::Config& config_;
  Options options_;
  replay::ImportFile file_;
  TopicPartition source_;
  std::atomic<std::uint64_t> epoch_{1};
  replay::ReplayLanes lanes_;
  pipeline::LaneQueue::Producer producer_;
  replay::ReplayRun run_;
  Offset begin_{1};
};

class Import final : public Command {
 public:
  Import()
      : Command({.name = "import",
                 .summary = "Process events from files",
                 .description = "An event that was written before is a duplicate and is not "
                                "counted again. An interrupted import of the same file continues "
                                "where it stopped.",
                 .examples = {"usage-ingestd import litellm-2026-10-*.ndjson.gz",
                              "zcat export.json.gz | usage-ingestd import --json -"}},
                {.postgres = Need::kServer}) {}

  std::vector<Option> Options() override {
    return {FilesOperand("NDJSON or JSON arrays, also .gz and .zst; - is standard input", files_),
            DryRunFlag(options_.dry_run), NoQuotaFlag(options_.no_quota), JsonFlag(json_)};
  }

  int Run(const CommandContext& context) override {
    replay::StopOnSignal stop;
    EventCounts total;
    for (const std::string& path : files_) {
      FileImport file(context.config(), options_, path);
      const FileImport::Result result = file.Run(stop);
      total.Add(result.outcomes);
      if (!result.is_complete) return EndInterrupted({total, options_.dry_run}, json_, "import");
    }
    replay::PrintReplayReport({total, options_.dry_run}, json_);
    return 0;
  }

 private:
  std::vector<std::string> files_;
  FileImport::Options options_;
  bool json_ = false;
};

}  // namespace

CommandPtr MakeImport() { return std::make_unique<Import>(); }

}  // namespace usage_ingest::commands
