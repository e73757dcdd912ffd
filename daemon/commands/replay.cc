// `replay`: a range of a topic through the pipeline again, beside the daemon.
#include <algorithm>
#include <memory>
#include <stop_token>

#include "daemon/assembly/component_options.h"
#include "daemon/assembly/database_access.h"
#include "daemon/commands/verbs.h"
#include "daemon/replay/replay_books.h"
#include "daemon/replay/replay_lanes.h"
#include "daemon/replay/replay_result.h"
#include "daemon/replay/stop_on_signal.h"
#include "daemon/text/progress_bar.h"
#include "ingest/kafka/consumer/range_reader.h"

namespace usage_ingest::commands {
namespace {

constexpr auto kResolveTimeout = std::chrono::seconds(15);

std::optional<std::int64_t> Milliseconds(const std::optional<EventTimeUs>& time) {
  if (!time) return std::nullopt;
  return time->value / 1000;
}

kafka::consumer::RangeRequest RequestOf(const ReplayOptions& options) {
  kafka::consumer::RangeRequest request;
  request.topic = options.topic;
  for (std::int32_t partition : options.partitions) request.partitions.push_back({partition});
  if (options.from_offset) request.from_offset = Offset{*options.from_offset};
  if (options.to_offset) request.to_offset = Offset{*options.to_offset};
  request.from_time_ms = Milliseconds(options.from_time);
  request.to_time_ms = Milliseconds(options.to_time);
  return request;
}

// An interrupted run of the same ranges goes on where it stopped.
replay::ReplayRun Open(const config::Config& config, const ReplayOptions& options,
                       std::vector<kafka::consumer::PartitionRange>& ranges) {
  std::vector<replay::ReplayRange> rows;
  for (const auto& range : ranges) rows.push_back({*range.source, range.begin, range.end});
  replay::ReplayRun run = replay::OpenReplay(config, "replay", rows, !options.no_quota);
  for (std::size_t i = 0; i < ranges.size(); ++i) ranges[i].begin = run.next_offsets[i];
  return run;
}

}  // namespace

int Replay(const config::Config& config, const ReplayOptions& options) {
  // Declared first, so destroyed last: the lanes hold records that lie in its buffers.
  std::unique_ptr<kafka::consumer::RangeReader> reader;
  replay::ReplayLanesOptions lanes_options{.lanes = config.postgres.writers,
                                           .dry_run = options.dry_run,
                                           .count_quotas = !options.no_quota};
  replay::ReplayLanes lanes(config, lanes_options);
  reader = assembly::ValueOrThrow(
      kafka::consumer::RangeReader::Make(assembly::KafkaOptionsFor(config), lanes.MakeProducers()),
      "Kafka");
  auto ranges =
      assembly::ValueOrThrow(reader->Resolve(RequestOf(options), kResolveTimeout), "Kafka");
  replay::ReplayRun run;
  if (!options.dry_run) run = Open(config, options, ranges);
  lanes.SetReplayIds(run.ids);
  lanes.Start(reader->current_epoch());

  replay::StopOnSignal stop;
  std::int64_t total = 0;
  for (const auto& range : ranges) total += range.end.value - range.begin.value;
  text::ProgressBar bar("offsets");
  const auto read =
      reader->Read(ranges, stop.token(), [&](const kafka::consumer::RangeProgress& progress) {
        bar.Update(progress.offsets_done, total);
      });
  if (!read && !options.dry_run) {
    static_cast<void>(lanes.Interrupt());  // the counts are in `replays`
    replay::CloseReplay(config, run, "interrupted");
  }
  if (!read) throw assembly::ToUserError(read.error(), "Kafka");
  const EventCounts outcomes = lanes.Finish();
  if (!options.dry_run) replay::CloseReplay(config, run, "finished");
  replay::PrintReplayReport({outcomes, options.dry_run}, options.json);
  return text::ToInt(text::ExitCode::kOk);
}

}  // namespace usage_ingest::commands
