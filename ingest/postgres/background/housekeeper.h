#pragma once
// Housekeeper: periodic work in the database that is not part of a batch.
//
// Listens for changed references and tells the lanes and the retry of dead letters; keeps
// partitions ahead; counts pending dead letters and the runway; removes finished dead letters.
// Nothing here is needed for a batch to commit: a lane creates a missing month itself.
//
// Owner         main's executor; its own session, opened again when it breaks.
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "ingest/pipeline/observer.h"
#include "ingest/pipeline/runtime.h"
#include "ingest/postgres/background/dead_letter_retrier.h"
#include "ingest/postgres/session/async_connection.h"

namespace usage_ingest::postgres::background {

struct HousekeeperOptions {
  std::string conninfo;
  std::chrono::milliseconds attribution_refresh;
  std::chrono::milliseconds retry_dead_letters;
  std::chrono::milliseconds retry_for;
  std::chrono::milliseconds dead_letters_keep;
  int months_ahead = 3;
};

struct HousekeeperReports {
  std::function<void()> expire_attribution;
  std::function<void(std::int64_t)> dead_letters_pending;
  std::function<void(std::chrono::seconds)> partition_runway;
};

class Housekeeper {
 public:
  Housekeeper(HousekeeperOptions options, HousekeeperReports reports, DeadLetterRetrier& retrier,
              pipeline::PipelineObserver& observer, pipeline::Runtime runtime);

  // Until Stop().
  pipeline::Task<> Run();
  void Stop();

 private:
  pipeline::Task<Result<>> Session(session::AsyncConnection& connection);
  pipeline::Task<Result<>> EnsurePartitions(session::AsyncConnection& connection);
  pipeline::Task<Result<>> Measure(session::AsyncConnection& connection);
  pipeline::Task<Result<>> RemoveFinished(session::AsyncConnection& connection);
  pipeline::Task<> RetryDeadLetters();
  void NoteChange();
  [[nodiscard]] DeadLetterSelection NewSweep() const;
  [[nodiscard]] pipeline::TimePoint NextDeadline() const;

  HousekeeperOptions options_;
  HousekeeperReports reports_;
  DeadLetterRetrier& retrier_;
  pipeline::PipelineObserver& observer_;
  pipeline::Runtime runtime_;
  pipeline::Wakeup stop_;
  bool stopping_ = false;
  bool references_changed_ = false;
  pipeline::TimePoint next_refresh_;
  pipeline::TimePoint next_retry_;
  pipeline::TimePoint next_hourly_;
  pipeline::TimePoint next_measure_;
  pipeline::TimePoint next_pass_;
  std::optional<DeadLetterSelection> sweep_;  // what is being retried, a pass at a time
};

}  // namespace usage_ingest::postgres::background
