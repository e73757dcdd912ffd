#include "daemon/replay/replay_lanes.h"

#include <functional>
#include <optional>
#include <utility>

#include "daemon/assembly/component_options.h"
#include "daemon/assembly/database_access.h"
#include "daemon/assembly/lane_thread.h"
#include "ingest/postgres/batch/progress_store.h"
#include "schema/mutex.h"

namespace usage_ingest::replay {

struct ReplayLanes::Impl {
  Impl(const config::Config& c, ReplayLanesOptions o, const std::stop_token& interruption)
      : config(c), options(o), on_interruption(interruption, [this] { stop.request_stop(); }) {}

  // One lane that has failed ends the run: the others would go on without its records.
  void NoteEnd(const Result<>& result) {
    if (result) return;
    {
      const MutexLock lock(mutex);
      if (!failure) failure = result.error();
    }
    stop.request_stop();
  }

  [[nodiscard]] std::optional<Error> FirstFailure() {
    const MutexLock lock(mutex);
    return failure;
  }

  const config::Config& config;
  ReplayLanesOptions options;
  ReplayTotals totals;
  pipeline::ConsumerInbox inbox;
  Mutex mutex;
  std::optional<Error> failure GUARDED_BY(mutex);
  std::stop_source stop;
  std::stop_callback<std::function<void()>> on_interruption;
  std::vector<std::unique_ptr<assembly::LaneThread>> lanes;
  std::optional<std::stop_callback<std::function<void()>>> on_stop;  // before the lanes end
};

ReplayLanes::ReplayLanes(const config::Config& config, ReplayLanesOptions options,
                         const std::stop_token& interruption)
    : impl_(std::make_unique<Impl>(config, options, interruption)) {
  // ignored because it is only asked whether the lanes' sessions will work: behind a transaction
  // pooler they would not
  static_cast<void>(assembly::ConnectOrThrow(config, "replay"));
  for (std::size_t i = 0; i < impl_->options.lanes; ++i) {
    impl_->lanes.push_back(
        std::make_unique<assembly::LaneThread>(assembly::QueueLimitsFor(config)));
  }
}

ReplayLanes::~ReplayLanes() = default;

std::vector<pipeline::LaneQueue::Producer> ReplayLanes::MakeProducers() {
  std::vector<pipeline::LaneQueue::Producer> producers;
  for (const auto& lane : impl_->lanes) producers.push_back(lane->queue().MakeProducer());
  return producers;
}

void ReplayLanes::Start(const std::atomic<std::uint64_t>& current_epoch,
                        const std::vector<std::int64_t>& replay_ids) {
  Impl& impl = *impl_;
  for (std::size_t i = 0; i < impl.lanes.size(); ++i) {
    pipeline::LaneOptions options = assembly::LaneOptionsFor(impl.config, i);
    options.writer.can_read_less = false;  // a range is read once
    options.counts_quotas = !impl.options.no_quota;
    postgres::batch::PgBatchStoreOptions store =
        assembly::StoreOptionsFor(impl.config, "replay-" + std::to_string(i));
    store.dry_run = impl.options.dry_run;
    store.has_history = store.has_history && !impl.options.no_history;
    store.has_quota_periods = store.has_quota_periods && !impl.options.no_quota;
    auto progress = impl.options.dry_run ? postgres::batch::MakeDryRunProgress()
                                         : postgres::batch::MakeReplayProgress(
                                               impl.config.kafka.group_id, replay_ids);
    impl.lanes[i]->Start(options, store, std::move(progress),
                         {impl.totals, impl.inbox, current_epoch,
                          [&impl](const Result<>& result) { impl.NoteEnd(result); }});
  }
  impl.on_stop.emplace(impl.stop.get_token(), [&impl] {
    for (const auto& lane : impl.lanes) lane->Stop();
  });
}

std::stop_token ReplayLanes::stop_token() const { return impl_->stop.get_token(); }

void ReplayLanes::Stop() { impl_->stop.request_stop(); }

bool ReplayLanes::Finish() {
  for (const auto& lane : impl_->lanes) lane->Finish();
  for (const auto& lane : impl_->lanes) lane->Join();
  if (const auto failure = impl_->FirstFailure()) {
    throw assembly::ToUserError(*failure, "PostgreSQL");
  }
  // A lane that was fenced has dropped the rest: another process has moved the rows of this run.
  for (pipeline::ConsumerMessage message; impl_->inbox.Take(message);) {
    if (std::holds_alternative<pipeline::PositionsLost>(message)) {
      throw text::UserError(
          text::ExitCode::kUnavailable,
          {.what = "another process is replaying the same range",
           .where = "usage_ingest.replays",
           .fix = "let it finish, then run this again: it goes on where that one is"});
    }
  }
  return !impl_->stop.stop_requested();
}

EventCounts ReplayLanes::counts() const { return impl_->totals.counts(); }

}  // namespace usage_ingest::replay
