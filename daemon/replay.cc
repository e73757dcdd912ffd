// `replay`: a range of a topic through the pipeline again, beside the daemon.
#include <algorithm>
#include <memory>
#include <stop_token>

#include "daemon/progress_bar.h"
#include "daemon/replay_books.h"
#include "daemon/replay_lanes.h"
#include "daemon/replay_result.h"
#include "daemon/stop_on_signal.h"
#include "daemon/verb_support.h"
#include "daemon/verbs.h"
#include "daemon/wiring_options.h"
#include "ingest/kafka/range_reader.h"

namespace usage_ingest::daemon {
namespace {

constexpr auto kResolveTimeout = std::chrono::seconds(15);

std::optional<std::int64_t> Milliseconds(const std::optional<EventTimeUs>& time) {
  if (!time) return std::nullopt;
  return time->value / 1000;
}

ingest::RangeRequest RequestOf(const ReplayOptions& options) {
  ingest::RangeRequest request;
  request.topic = options.topic;
  for (std::int32_t partition : options.partitions) request.partitions.push_back({partition});
  if (options.from_offset) request.from_offset = Offset{*options.from_offset};
  if (options.to_offset) request.to_offset = Offset{*options.to_offset};
  request.from_time_ms = Milliseconds(options.from_time);
  request.to_time_ms = Milliseconds(options.to_time);
  return request;
}

// An interrupted run of the same ranges goes on where it stopped.
ReplayRun Open(const Config& config, const ReplayOptions& options,
               std::vector<ingest::PartitionRange>& ranges) {
  std::vector<ReplayRange> rows;
  for (const auto& range : ranges) rows.push_back({*range.source, range.begin, range.end});
  ReplayRun run = OpenReplay(config, "replay", rows, !options.no_quota);
  for (std::size_t i = 0; i < ranges.size(); ++i) ranges[i].begin = run.next_offsets[i];
  return run;
}

}  // namespace

int Replay(const Config& config, const ReplayOptions& options) {
  // Declared first, so destroyed last: the lanes hold records that lie in its buffers.
  std::unique_ptr<ingest::RangeReader> reader;
  ReplayLanesOptions lanes_options{.lanes = config.postgres.writers,
                                   .dry_run = options.dry_run,
                                   .count_quotas = !options.no_quota};
  ReplayLanes lanes(config, lanes_options);
  reader = ValueOrThrow(ingest::RangeReader::Make(KafkaOptionsFor(config), lanes.MakeProducers()),
                        "Kafka");
  auto ranges = ValueOrThrow(reader->Resolve(RequestOf(options), kResolveTimeout), "Kafka");
  ReplayRun run;
  if (!options.dry_run) run = Open(config, options, ranges);
  lanes.SetReplayIds(run.ids);
  lanes.Start(reader->current_epoch());

  StopOnSignal stop;
  std::int64_t total = 0;
  for (const auto& range : ranges) total += range.end.value - range.begin.value;
  ProgressBar bar("offsets");
  const auto read = reader->Read(ranges, stop.token(), [&](const ingest::RangeProgress& progress) {
    bar.Update(progress.offsets_done, total);
  });
  if (!read && !options.dry_run) {
    static_cast<void>(lanes.Interrupt());  // the counts are in `replays`
    CloseReplay(config, run, "interrupted");
  }
  if (!read) throw ToUserError(read.error(), "Kafka");
  const ingest::Outcomes outcomes = lanes.Finish();
  if (!options.dry_run) CloseReplay(config, run, "finished");
  PrintReplayReport({outcomes, options.dry_run}, options.json);
  return ToInt(ExitCode::kOk);
}

}  // namespace usage_ingest::daemon
