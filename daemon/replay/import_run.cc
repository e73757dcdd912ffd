#include "daemon/replay/import_run.h"

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

#include "daemon/text/progress_bar.h"

namespace usage_ingest::replay {
namespace {

constexpr auto kFullQueueWait = std::chrono::milliseconds(2);

void ReleaseText(void* text) noexcept { delete static_cast<std::string*>(text); }

}  // namespace

ImportRun::ImportRun(const config::Config& config, ImportOptions options, ImportFile& file,
                     std::int64_t elements)
    : config_(config),
      options_(options),
      file_(file),
      elements_(elements),
      source_{"import:" + file.sha256_hex(), PartitionId{0}},
      lanes_(config, {.lanes = 1, .dry_run = options.dry_run, .count_quotas = !options.no_quota}),
      producer_(std::move(lanes_.MakeProducers().front())) {}

bool ImportRun::Run(const StopOnSignal& stop) {
  if (!options_.dry_run) {
    const ReplayRange range{.source = source_, .begin = Offset{1}, .end = Offset{elements_ + 1}};
    run_ = OpenReplay(config_, ReplayKind::kImport, {range}, !options_.no_quota);
    begin_ = run_.next_offsets.front();
  }
  lanes_.SetReplayIds(run_.ids);
  lanes_.Start(epoch_);
  PushStart();
  const bool is_complete = PushAll(stop);
  if (is_complete) {
    lanes_.Finish();
  } else {
    lanes_.Interrupt();
  }
  Close(is_complete ? ReplayOutcome::kFinished : ReplayOutcome::kInterrupted);
  return is_complete;
}

void ImportRun::PushStart() {
  pipeline::Record start;
  start.kind = pipeline::Record::Kind::kStart;
  start.source = &source_;
  start.epoch = pipeline::Epoch{epoch_.load()};
  start.offset = begin_;
  Push(start);
}

// False if it was interrupted.
bool ImportRun::PushAll(const StopOnSignal& stop) try {
  text::ProgressBar bar("events");
  ImportElements elements(config_.events.record_bytes_max,
                          [&](const ImportElements::Element& element) {
                            if (element.number >= begin_.value) PushElement(element);
                            bar.Update(element.number, elements_);
                          });
  file_.Open();
  std::array<char, 65536> buffer;
  while (const std::size_t got = file_.Read(buffer)) {
    if (stop.token().stop_requested()) return false;
    elements.Feed({buffer.data(), got});
  }
  // ignored because the file was checked
  static_cast<void>(elements.Finish());
  file_.Close();
  return true;
} catch (const text::UserError&) {
  lanes_.Interrupt();
  Close(ReplayOutcome::kFailed);
  throw;
}

void ImportRun::PushElement(const ImportElements::Element& element) {
  auto copy = std::make_unique<std::string>(element.text);
  pipeline::Record record;
  record.source = &source_;
  record.epoch = pipeline::Epoch{epoch_.load()};
  record.offset = Offset{element.number};
  record.is_import = true;
  record.value = *copy;
  record.Own(copy.release(), ReleaseText);
  Push(record);
}

void ImportRun::Push(pipeline::Record& record) {
  while (!producer_.TryPush(record)) std::this_thread::sleep_for(kFullQueueWait);
}

void ImportRun::Close(ReplayOutcome outcome) {
  if (!options_.dry_run) CloseReplay(config_, run_, outcome);
}

}  // namespace usage_ingest::replay
