#pragma once
// Housekeeper: what has to be done in the database now and then, beside the stream.
//
// Listens for changed references and tells the lanes and the retry of dead letters; keeps
// partitions ahead; counts pending dead letters and the runway; removes finished dead letters.
// Nothing here is needed for a batch to commit: a lane creates a missing month itself.
//
// Owner         main's executor; its own session, made anew when it breaks.
#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "ingest/pipeline/observer.h"
#include "ingest/pipeline/runtime.h"
#include "ingest/postgres/async_connection.h"
#include "ingest/postgres/dead_letter_retrier.h"

namespace usage_ingest::ingest {

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
              PipelineObserver& observer, Runtime runtime);

  // Until Stop().
  Task<> Run();
  void Stop();

 private:
  Task<Result<>> Session(AsyncConnection& connection);
  Task<Result<>> EnsurePartitions(AsyncConnection& connection);
  Task<Result<>> Measure(AsyncConnection& connection);
  Task<Result<>> RemoveFinished(AsyncConnection& connection);
  Task<> RetryDeadLetters();
  void NoteChange();
  [[nodiscard]] DeadLetterSelection NewSweep() const;
  [[nodiscard]] TimePoint NextDeadline() const;

  HousekeeperOptions options_;
  HousekeeperReports reports_;
  DeadLetterRetrier& retrier_;
  PipelineObserver& observer_;
  Runtime runtime_;
  Wakeup stop_;
  bool stopping_ = false;
  bool references_changed_ = false;
  TimePoint next_refresh_;
  TimePoint next_retry_;
  TimePoint next_hourly_;
  TimePoint next_measure_;
  TimePoint next_pass_;
  std::optional<DeadLetterSelection> sweep_;  // what is being retried, a pass at a time
};

}  // namespace usage_ingest::ingest
