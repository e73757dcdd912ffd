// `replay`: processes a range of a topic again, while the daemon runs.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <stop_token>

#include "daemon/assembly/component_options.h"
#include "daemon/assembly/database_access.h"
#include "daemon/commands/command_list.h"
#include "daemon/commands/report_end.h"
#include "daemon/replay/replay_lanes.h"
#include "daemon/replay/replay_progress.h"
#include "daemon/replay/replay_report.h"
#include "daemon/text/progress_bar.h"
#include "ingest/kafka/range/range_reader.h"

namespace usage_ingest::commands {
namespace {

constexpr auto kResolveTimeout = std::chrono::seconds(15);

std::optional<std::int64_t> Milliseconds(const std::optional<EventTimeUs>& time) {
  if (!time) return std::nullopt;
  return time->value / 1000;
}

class Replay final : public Command {
 public:
  Replay()
      : Command(
            {.name = "replay",
             .summary = "Process a range of a topic again, while the daemon runs",
             .description = "The range is given by offset or by time. An event that was written "
                            "before is a duplicate and is not counted again. An interrupted "
                            "replay of the same range continues where it stopped. Offsets of the "
                            "range that Kafka no longer has, or that an open transaction hides, "
                            "are listed with the reason. By time, the topic is read from the first "
                            "record of that time to its end, because records need not be in the "
                            "order of their timestamps.",
             .examples = {"usage-ingestd replay --topic litellm.usage.v1 --partition 0 "
                          "--from-offset 0 --to-offset 5000",
                          "usage-ingestd replay --topic litellm.usage.v1 --from-time 2026-11-01 "
                          "--to-time 2026-12-01 --no-quota"}},
            {.kafka = Need::kServer, .postgres = Need::kServer}) {}

  std::vector<Option> Options() override {
    return {Required(TextOption({"--topic", "TOPIC", "the topic"}, topic_)),
            NumbersOption({"--partition", "NUMBER", "a partition; repeatable (default: all)"},
                          partitions_, std::numeric_limits<std::int32_t>::max()),
            NumberOption({"--from-offset", "OFFSET", "the first offset"}, from_offset_),
            NumberOption({"--to-offset", "OFFSET", "the end of the range, exclusive"}, to_offset_),
            TimeOption("--from-time", "the first timestamp of a record in Kafka", from_time_),
            TimeOption("--to-time", "the end of the range, exclusive", to_time_),
            NumberOption({"--max-rate", "NUMBER",
                          "at most this many events a second, to leave room for the daemon; an "
                          "array in one record counts as one"},
                         max_rate_, 1),
            DryRunFlag(options_.dry_run),
            NoQuotaFlag(options_.no_quota),
            NoHistoryFlag(options_.no_history),
            JsonFlag(json_)};
  }

  [[nodiscard]] std::optional<Problem> Check() const override;
  int Run(const CommandContext& context) override;

 private:
  [[nodiscard]] kafka::range::RangeRequest Request() const;
  [[nodiscard]] replay::ReplayRun Open(const config::Config& config,
                                       std::vector<kafka::range::PartitionRange>& ranges) const;
  [[nodiscard]] bool Send(const config::Config& config, kafka::range::RangeReader& reader,
                          replay::ReplayLanes& lanes);

  std::string topic_;
  std::vector<std::int64_t> partitions_;  // empty: all
  std::optional<std::int64_t> from_offset_;
  std::optional<std::int64_t> to_offset_;
  std::optional<EventTimeUs> from_time_;
  std::optional<EventTimeUs> to_time_;
  std::optional<std::int64_t> max_rate_;  // events a second
  replay::ReplayLanesOptions options_;
  bool json_ = false;
};

std::optional<Problem> Replay::Check() const {
  const bool by_offset = from_offset_ || to_offset_;
  const bool by_time = from_time_ || to_time_;
  bool is_empty = false;
  if (!by_time && from_offset_ && to_offset_) {
    is_empty = *from_offset_ >= *to_offset_;
  } else if (!by_offset && from_time_ && to_time_) {
    is_empty = *from_time_ >= *to_time_;
  } else {
    return Problem{.what = "a range is needed",
                   .fix = "give --from-offset with --to-offset, or --from-time with --to-time"};
  }
  if (!is_empty) return std::nullopt;
  return Problem{.what = "the range is empty", .fix = "--to-* is exclusive, and after --from-*"};
}

kafka::range::RangeRequest Replay::Request() const {
  kafka::range::RangeRequest request;
  request.topic = topic_;
  for (const std::int64_t partition : partitions_) {
    request.partitions.push_back({static_cast<std::int32_t>(partition)});
  }
  if (from_offset_) request.from_offset = Offset{*from_offset_};
  if (to_offset_) request.to_offset = Offset{*to_offset_};
  request.from_time_ms = Milliseconds(from_time_);
  request.to_time_ms = Milliseconds(to_time_);
  return request;
}

// Rows that exist when the daemon reads their events are duplicates, and duplicates are not
// counted. So with `flag` a replay must not pass the daemon: nothing would ever count those events
// in `what`.
void EndBeforeTheDaemon(const config::Config& config,
                        std::vector<kafka::range::PartitionRange>& ranges, std::string_view flag,
                        std::string_view what) {
  if (ranges.empty()) return;
  const std::string& topic = ranges.front().source->topic;
  if (std::ranges::find(config.kafka.topics, topic) == config.kafka.topics.end()) return;
  const auto next_offsets = replay::ReadNextOffsets(config, topic);
  for (auto& range : ranges) {
    const auto found = next_offsets.find(range.source->partition);
    const Offset next = found == next_offsets.end() ? Offset{0} : found->second;
    if (range.begin < range.end && next <= range.begin) {
      throw text::UserError(
          text::ExitCode::kUsage,
          {.what = fmt::format("the daemon has not read this range yet: it is at offset {}, and "
                               "{} would keep these events out of the {} forever",
                               next.value, flag, what),
           .where = fmt::format("{}, partition {}", topic, range.source->partition.value),
           .fix = fmt::format("replay it after the daemon has read it, or without {}", flag)});
    }
    if (next >= range.end) continue;
    fmt::print(stderr,
               "warning: partition {}: ends at offset {} instead of {}, which the daemon has not "
               "read yet: {} would keep later events out of the {}\n",
               range.source->partition.value, next.value, range.end.value, flag, what);
    range.end = next;
  }
}

// An interrupted run of the same ranges continues where it stopped.
replay::ReplayRun Replay::Open(const config::Config& config,
                               std::vector<kafka::range::PartitionRange>& ranges) const {
  std::vector<replay::ReplayRange> rows;
  for (const auto& range : ranges) {
    rows.push_back({*range.source, *range.topic_id, range.begin, range.end, range.from_time_ms,
                    range.to_time_ms});
  }
  replay::ReplayRun run =
      replay::OpenReplay(config, replay::ReplayKind::kReplay, rows, !options_.no_quota);
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    ranges[i].begin = run.next_offsets[i];
    ranges[i].end = std::max(ranges[i].begin, ranges[i].end);
  }
  return run;
}

int Replay::Run(const CommandContext& context) {
  const config::Config& config = context.config();
  // Declared first, so destroyed last: the lanes hold records in its buffers.
  std::unique_ptr<kafka::range::RangeReader> reader;
  options_.lanes = config.postgres.writers;
  replay::ReplayLanes lanes(config, options_, context.stop);
  try {
    reader = assembly::KafkaValueOrThrow(
        kafka::range::RangeReader::Make(assembly::KafkaOptionsFor(config), lanes.MakeProducers()));
    const bool is_complete = Send(config, *reader, lanes);
    const replay::ReplayReport report{lanes.counts(), options_.dry_run, reader->missing()};
    if (!is_complete) return EndInterrupted(report, json_, "replay");
    replay::PrintReplayReport(report, json_);
    return 0;
  } catch (const text::UserError& error) {
    const bool has_asked = reader != nullptr;
    return EndFailed({lanes.counts(), options_.dry_run,
                      has_asked ? reader->missing() : std::vector<kafka::range::MissingRange>{}},
                     json_, error);
  }
}

// False if it was interrupted.
bool Replay::Send(const config::Config& config, kafka::range::RangeReader& reader,
                  replay::ReplayLanes& lanes) {
  auto ranges = assembly::KafkaValueOrThrow(reader.Resolve(Request(), kResolveTimeout));
  if (options_.no_quota) EndBeforeTheDaemon(config, ranges, "--no-quota", "quotas");
  if (options_.no_history) EndBeforeTheDaemon(config, ranges, "--no-history", "history");
  replay::ReplayRun run;
  if (!options_.dry_run) run = Open(config, ranges);
  lanes.Start(reader.current_epoch(), run.ids);

  std::int64_t total = 0;
  for (const auto& range : ranges) total += range.end.value - range.begin.value;
  text::ProgressBar bar("offsets");
  const auto read = reader.Read(
      ranges, lanes.stop_token(),
      {.records_per_second_max = max_rate_.value_or(0),
       .on_progress = [&](const auto& progress) { bar.Update(progress.offsets_done, total); }});
  if (!read) lanes.Stop();
  bool is_complete = false;
  try {
    is_complete = lanes.Finish();
  } catch (const text::UserError&) {
    replay::CloseReplay(config, run, replay::ReplayOutcome::kFailed);
    throw;
  }
  replay::CloseReplay(
      config, run,
      is_complete ? replay::ReplayOutcome::kFinished : replay::ReplayOutcome::kInterrupted);
  if (!read && read.error().code != ErrorCode::kShuttingDown) {
    throw assembly::KafkaToUserError(read.error());
  }
  return is_complete;
}

}  // namespace

CommandPtr MakeReplay() { return std::make_unique<Replay>(); }

}  // namespace usage_ingest::commands
