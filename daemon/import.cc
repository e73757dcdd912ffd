// `import`: files of events through the pipeline, as LiteLLM exports them.
#include <array>
#include <memory>
#include <string>
#include <thread>

#include "daemon/import_file.h"
#include "daemon/import_splitter.h"
#include "daemon/progress_bar.h"
#include "daemon/replay_books.h"
#include "daemon/replay_lanes.h"
#include "daemon/replay_result.h"
#include "daemon/stop_on_signal.h"
#include "daemon/user_error.h"
#include "daemon/verb_support.h"
#include "daemon/verbs.h"

namespace usage_ingest::daemon {
namespace {

constexpr auto kFullQueueNap = std::chrono::milliseconds(2);

void ReleaseText(void* text) noexcept { delete static_cast<std::string*>(text); }

// One file as one partition: its lines are the records, their numbers the offsets.
class FileImport {
 public:
  FileImport(const Config& config, const ImportOptions& options, const std::string& path)
      : config_(config),
        options_(options),
        file_(path),
        source_{"import:" + file_.sha256_hex(), PartitionId{0}},
        lanes_(config, {.lanes = 1, .dry_run = options.dry_run, .count_quotas = !options.no_quota}),
        producer_(std::move(lanes_.MakeProducers().front())) {}

  ingest::Outcomes Run(const StopOnSignal& stop) {
    // The number of lines is not known yet; the size tells one version of a file from another as
    // well as its hash, which is in the topic's name.
    const ReplayRange range{source_, Offset{1}, Offset{file_.bytes() + 2}};
    if (!options_.dry_run) {
      run_ = OpenReplay(config_, "import", {range}, !options_.no_quota);
      begin_ = run_.next_offsets.front();
    }
    lanes_.SetReplayIds(run_.ids);
    lanes_.Start(epoch_);
    PushStart();
    const bool complete = PushAll(stop);
    const ingest::Outcomes outcomes = complete ? lanes_.Finish() : lanes_.Interrupt();
    Close(complete ? "finished" : "interrupted");
    if (!complete) {
      throw UserError(ExitCode::kUnavailable, {.what = "interrupted",
                                               .where = "import",
                                               .fix = "run it again: it goes on where it stopped"});
    }
    return outcomes;
  }

 private:
  void PushStart() {
    ingest::Record start;
    start.kind = ingest::Record::Kind::kStart;
    start.source = &source_;
    start.epoch = ingest::Epoch{epoch_.load()};
    start.offset = begin_;
    Push(start);
  }

  void Close(const std::string& outcome) {
    if (!options_.dry_run) CloseReplay(config_, run_, outcome);
  }

  // False when it was interrupted. Throws UserError when the file is damaged.
  bool PushAll(const StopOnSignal& stop) try {
    ProgressBar bar("events");
    ImportSplitter splitter(config_.events.record_bytes_max,
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
  } catch (const UserError&) {
    static_cast<void>(lanes_.Interrupt());  // the counts are in `replays`
    Close("failed");
    throw;
  }

  void PushElement(std::int64_t number, std::string_view text) {
    auto copy = std::make_unique<std::string>(text);
    ingest::Record record;
    record.source = &source_;
    record.epoch = ingest::Epoch{epoch_.load()};
    record.offset = Offset{number};
    record.is_import = true;
    record.value = *copy;
    record.Own(copy.release(), ReleaseText);
    Push(record);
  }

  void Push(ingest::Record& record) {
    while (!producer_.TryPush(record)) std::this_thread::sleep_for(kFullQueueNap);
  }

  const Config& config_;
  const ImportOptions& options_;
  ImportFile file_;
  TopicPartition source_;
  std::atomic<std::uint64_t> epoch_{1};
  ReplayLanes lanes_;
  ingest::LaneQueue::Producer producer_;
  ReplayRun run_;
  Offset begin_{1};
};

}  // namespace

int Import(const Config& config, const ImportOptions& options) {
  StopOnSignal stop;
  ingest::Outcomes total;
  for (const std::string& path : options.files) {
    FileImport import(config, options, path);
    total.Add(import.Run(stop));
  }
  PrintReplayReport({total, options.dry_run}, options.json);
  return ToInt(ExitCode::kOk);
}

}  // namespace usage_ingest::daemon
