#include "daemon/replay/import_run.h"

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

namespace usage_ingest::replay {
namespace {

constexpr auto kFullQueueWait = std::chrono::milliseconds(2);

void ReleaseText(void* text) noexcept { delete static_cast<std::string*>(text); }

}  // namespace

ImportRun::ImportRun(const config::Config& config, ReplayLanesOptions options, ImportFile& file,
                     std::int64_t elements, const std::stop_token& stop)
    : config_(config),
      options_(options),
      file_(file),
      elements_(elements),
      source_{"import:" + file.sha256_hex(), PartitionId{0}},
      lanes_(config, options, stop),
      producer_(std::move(lanes_.MakeProducers().front())) {}

bool ImportRun::Run(const OnRead& on_read) try {
  if (!options_.dry_run) {
    const ReplayRange range{.source = source_, .begin = Offset{1}, .end = Offset{elements_ + 1}};
    run_ = OpenReplay(config_, ReplayKind::kImport, {range}, !options_.no_quota);
    begin_ = run_.next_offsets.front();
  }
  lanes_.Start(epoch_, run_.ids);
  PushStart();
  PushAll(on_read);
  const bool is_complete = lanes_.Finish();
  Close(is_complete ? ReplayOutcome::kFinished : ReplayOutcome::kInterrupted);
  return is_complete;
} catch (const text::UserError&) {
  lanes_.Stop();
  Close(ReplayOutcome::kFailed);
  throw;
}

void ImportRun::PushStart() {
  pipeline::Record start;
  start.kind = pipeline::Record::Kind::kStart;
  start.source = &source_;
  start.epoch = pipeline::Epoch{epoch_.load()};
  start.offset = begin_;
  Push(start);
}

void ImportRun::PushAll(const OnRead& on_read) {
  ImportElements elements(config_.events.record_bytes_max,
                          [&](const ImportElements::Element& element) {
                            if (element.number >= begin_.value) PushElement(element);
                          });
  file_.Open();
  std::array<char, 65536> buffer;
  while (const std::size_t got = file_.Read(buffer)) {
    if (lanes_.stop_token().stop_requested()) return;
    elements.Feed({buffer.data(), got});
    on_read(file_.bytes_read());
  }
  // ignored because the file was checked
  static_cast<void>(elements.Finish());
  file_.Close();
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

// After a stop nothing is pushed: what follows a record that was left out must not be written.
void ImportRun::Push(pipeline::Record& record) {
  while (!lanes_.stop_token().stop_requested()) {
    if (producer_.TryPush(record)) return;
    std::this_thread::sleep_for(kFullQueueWait);
  }
}

void ImportRun::Close(ReplayOutcome outcome) { CloseReplay(config_, run_, outcome); }

}  // namespace usage_ingest::replay
