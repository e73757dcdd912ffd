#pragma once
// ImportRun: sends the elements of one checked file through the daemon's lanes.
//
// The file is one partition: its elements are the records, their numbers the offsets.
//
// Owner         the `import` command.
// Errors        Run throws UserError; counts() then tells what was written before.
#include <atomic>
#include <cstdint>
#include <functional>
#include <stop_token>

#include "daemon/config/config.h"
#include "daemon/replay/import_elements.h"
#include "daemon/replay/import_file.h"
#include "daemon/replay/replay_lanes.h"
#include "daemon/replay/replay_progress.h"

namespace usage_ingest::replay {

class ImportRun {
 public:
  // `elements` is how many the file has. `file` must outlive this object. REQUIRES: options.lanes
  // is 1.
  ImportRun(const config::Config& config, ReplayLanesOptions options, ImportFile& file,
            std::int64_t elements, const std::stop_token& stop);

  // False if it was interrupted. `on_read` is told how many bytes of the file were read. REQUIRES:
  // called once.
  using OnRead = std::function<void(std::int64_t bytes)>;
  [[nodiscard]] bool Run(const OnRead& on_read);
  [[nodiscard]] EventCounts counts() const { return lanes_.counts(); }

 private:
  void PushStart();
  void PushAll(const OnRead& on_read);
  void PushElement(const ImportElements::Element& element);
  void Push(pipeline::Record& record);
  void Close(ReplayOutcome outcome);

  const config::Config& config_;
  ReplayLanesOptions options_;
  ImportFile& file_;
  std::int64_t elements_;
  TopicPartition source_;
  std::atomic<std::uint64_t> epoch_{1};
  ReplayLanes lanes_;
  pipeline::LaneQueue::Producer producer_;
  ReplayRun run_;
  Offset begin_{1};
};

}  // namespace usage_ingest::replay
