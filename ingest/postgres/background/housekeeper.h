#pragma once
// Housekeeper: periodic work in the database that is not part of a batch.
//
// Listens for changed references and tells the lanes and the retry of dead letters; keeps
// partitions ahead; counts pending dead letters and the runway; removes finished dead letters;
// starts quota periods; fills LiteMaaS' analytics (daily_usage_cache.h); looks for what a person
// must know (attention.h).
// Nothing here is needed for a batch to commit: a lane creates a missing month itself.
// What a change costs depends on what changed and not on how many letters wait: notifications name
// users, and only letters of these are tried. What was not announced is looked for each hour,
// without a write.
//
// Owner         main's executor; its own session, opened again when it breaks.
#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ingest/pipeline/runtime.h"
#include "ingest/pipeline/telemetry.h"
#include "ingest/postgres/background/dead_letter_retrier.h"
#include "ingest/postgres/batch/partition_plan.h"
#include "ingest/postgres/session/async_connection.h"

namespace usage_ingest::postgres::background {

struct HousekeeperOptions {
  std::string conninfo;
  std::chrono::milliseconds attribution_refresh;
  std::chrono::milliseconds retry_dead_letters;
  std::chrono::milliseconds retry_for;
  std::chrono::milliseconds dead_letters_keep;
  batch::PartitionPlan partitions = {};
  bool has_quota_periods = false;
  bool fills_daily_usage_cache = false;
};

class Housekeeper {
 public:
  // `expire_attribution` is called when references may have changed.
  Housekeeper(HousekeeperOptions options, std::function<void()> expire_attribution,
              DeadLetterRetrier& retrier, pipeline::TelemetrySink& telemetry,
              const pipeline::Runtime& runtime);

  // Until Stop().
  pipeline::Task<> Run();
  void Stop();

 private:
  pipeline::Task<Result<>> Session(session::AsyncConnection& connection);
  pipeline::Task<Result<>> DoWhatIsDue(session::AsyncConnection& connection,
                                       pipeline::TimePoint now);
  pipeline::Task<Result<>> EnsurePartitions(session::AsyncConnection& connection);
  // For subscriptions without events: one that is suspended has none.
  pipeline::Task<Result<>> StartQuotaPeriods(session::AsyncConnection& connection);
  pipeline::Task<Result<>> FillDailyUsageCache(session::AsyncConnection& connection);
  pipeline::Task<Result<>> Measure(session::AsyncConnection& connection);
  pipeline::Task<Result<>> Watch(session::AsyncConnection& connection);
  pipeline::Task<Result<>> RemoveFinished(session::AsyncConnection& connection);
  pipeline::Task<> RetryDeadLetters();
  void SweepAgainLater();
  pipeline::Task<Result<>> CorrectPending(session::AsyncConnection& connection);
  // The session, or the next turn, tries again.
  void ReportFailed(const Error& error);
  void NoteChanges(const std::vector<std::string>& notifications);
  void ChooseSweep(pipeline::TimePoint now);
  [[nodiscard]] DeadLetterSelection NewSweep(bool is_timed) const;
  [[nodiscard]] pipeline::TimePoint NextDeadline() const;

  HousekeeperOptions options_;
  std::function<void()> expire_attribution_;
  DeadLetterRetrier& retrier_;
  pipeline::TelemetrySink& telemetry_;
  pipeline::Runtime runtime_;
  pipeline::Wakeup stop_;
  bool stopping_ = false;
  // What may have an owner now: letters of these users, or any.
  std::set<std::string> changed_users_;
  bool has_unknown_changes_ = false;
  pipeline::TimePoint next_refresh_;
  pipeline::TimePoint next_retry_;
  pipeline::TimePoint next_hourly_;
  pipeline::TimePoint next_measure_;
  pipeline::TimePoint next_quota_periods_;
  pipeline::TimePoint next_daily_usage_;
  std::string daily_usage_before_;  // the day that was written last; "": all are looked at
  pipeline::TimePoint next_watch_;
  pipeline::TimePoint next_pass_;
  std::optional<DeadLetterSelection> sweep_;  // what is being retried, a pass at a time
};

}  // namespace usage_ingest::postgres::background
