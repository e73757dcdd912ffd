#pragma once
// ReplayLanes: the daemon's own lanes, for records that do not come from the group.
//
// Decoder, attribution and transaction are those of the daemon; only the place of the progress
// differs (batch/progress_store.h). So a replay can run beside the daemon: a row that exists is a
// duplicate.
//
// Owner         the command's thread.
#include <atomic>
#include <memory>
#include <stop_token>
#include <vector>

#include "daemon/config/config.h"
#include "daemon/replay/replay_totals.h"
#include "ingest/pipeline/consumer_inbox.h"
#include "ingest/pipeline/lane_queue.h"

namespace usage_ingest::replay {

struct ReplayLanesOptions {
  std::size_t lanes = 1;
  bool dry_run = false;
  bool no_quota = false;    // nor for what a retry of its dead letters inserts later
  bool no_history = false;  // usage_daily; a retry of its dead letters adds to it in any case
};

class ReplayLanes {
 public:
  ReplayLanes(const config::Config& config, ReplayLanesOptions options,
              const std::stop_token& interruption);
  ~ReplayLanes();

  // REQUIRES: called once, before Start.
  [[nodiscard]] std::vector<pipeline::LaneQueue::Producer> MakeProducers();
  // `replay_ids` are those of ReplayRun; not needed in a dry run.
  void Start(const std::atomic<std::uint64_t>& current_epoch,
             const std::vector<std::int64_t>& replay_ids);
  // After the interruption, or when a lane has failed: nothing takes what is pushed, so push no
  // more, and call Finish.
  [[nodiscard]] std::stop_token stop_token() const;
  // Stops all lanes: those that wait give up, the others finish their transaction.
  void Stop();
  // After the last push: waits until everything is written, or until the lanes have stopped. False
  // if they were stopped. Throws UserError when a lane has failed.
  [[nodiscard]] bool Finish();
  // What was written so far.
  [[nodiscard]] EventCounts counts() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::replay
