#include "daemon/telemetry/status_json.h"

#include <cmath>

#include "daemon/text/json_writer.h"
#include "daemon/text/units.h"

namespace usage_ingest::telemetry {
namespace {

void WriteTime(text::JsonWriter& json, std::string_view key, std::int64_t time_ms) {
  json.Key(key).StringOrNull(time_ms == 0 ? "" : text::FormatIsoTime(EventTimeUs{time_ms * 1000}));
}

void WriteLag(text::JsonWriter& json, const std::optional<Lag>& lag) {
  json.Key("lag_records").IntOrNull(lag.transform([](const Lag& each) { return each.records; }));
  json.Key("lag_seconds").DoubleOrNull(lag.transform([](const Lag& each) { return each.seconds; }));
}

void WriteSeries(text::JsonWriter& json, std::string_view key, const std::vector<float>& values) {
  json.Key(key).BeginArray();
  for (const float value : values) {
    if (std::isnan(value)) {
      json.Null();
    } else {
      json.Int(static_cast<std::int64_t>(value));
    }
  }
  json.EndArray();
}

void WriteHistory(text::JsonWriter& json, const std::vector<float>& rates,
                  const std::vector<float>& lags) {
  json.Key("history").BeginObject();
  WriteSeries(json, "rate", rates);
  WriteSeries(json, "lag_records", lags);
  json.EndObject();
}

// Only there while the partition is stuck.
void WriteStuck(text::JsonWriter& json, const std::optional<StuckStatus>& stuck) {
  if (!stuck) return;
  json.Key("stuck").BeginObject();
  json.Key("reason").String(pipeline::kStuckReasonNames[static_cast<std::size_t>(stuck->reason)]);
  json.Key("offset").Int(stuck->offset);
  WriteTime(json, "since", stuck->since_ms);
  json.Key("why").String(stuck->why);
  json.EndObject();
}

void WritePartition(text::JsonWriter& json, const PartitionStatus& partition, bool with_plot) {
  json.BeginObject();
  json.Key("topic").String(partition.source.topic);
  json.Key("partition").Int(partition.source.partition.value);
  json.Key("next_offset").Int(partition.next_offset);
  json.Key("high_watermark").IntOrNull(partition.high_watermark);
  WriteLag(json, partition.lag);
  json.Key("catch_up_seconds").DoubleOrNull(partition.catch_up_seconds);
  json.Key("rate").Double(partition.rate);
  json.Key("batches").Int(partition.batches);
  WriteTime(json, "last_commit", partition.last_commit_ms);
  text::WriteEventCounts(json, partition.counts);
  WriteStuck(json, partition.stuck);
  if (with_plot) WriteHistory(json, partition.rate_history, partition.lag_history);
  json.EndObject();
}

template <std::size_t N>
void WriteByReason(text::JsonWriter& json, const std::array<std::int64_t, N>& counts,
                   const std::array<std::string_view, N>& names) {
  json.BeginObject();
  for (std::size_t i = 0; i < N; ++i) json.Key(names[i]).Int(counts[i]);
  json.EndObject();
}

void WritePhases(text::JsonWriter& json, const StatusSnapshot& snapshot) {
  json.Key("phase_seconds").BeginObject();
  for (std::size_t i = 0; i < snapshot.phase_seconds.size(); ++i) {
    json.Key(pipeline::kPhaseNames[i]).DoubleOrNull(snapshot.phase_seconds[i]);
  }
  json.EndObject();
}

void WriteDeadLetters(text::JsonWriter& json, const StatusSnapshot& snapshot) {
  json.Key("dead_letters").BeginObject();
  json.Key("pending").IntOrNull(snapshot.dead_letters_pending);
  json.Key("healed").Int(snapshot.dead_letters_healed);
  json.Key("by_reason");
  WriteByReason(json, snapshot.dead_letters, kDeadLetterReasonNames);
  json.EndObject();
  json.Key("skipped_by_reason");
  WriteByReason(json, snapshot.skipped, kSkipReasonNames);
}

// Unknown is null, as elsewhere.
void WriteMissingRows(text::JsonWriter& json, const std::optional<MissingRows>& missing) {
  json.Key("missing_rows");
  if (!missing) {
    json.Null();
    return;
  }
  json.BeginObject();
  json.Key("samples").Int(missing->samples);
  json.Key("what").String(missing->what);
  json.EndObject();
}

void WriteSetAside(text::JsonWriter& json, const std::vector<SetAsideStatus>& groups) {
  json.Key("set_aside").BeginArray();
  for (const SetAsideStatus& group : groups) {
    json.BeginObject();
    json.Key("reason").String(Name(group.reason));
    json.Key("events").Int(group.events);
    WriteTime(json, "since", group.since_ms);
    json.Key("detail").String(group.detail);
    json.EndObject();
  }
  json.EndArray();
}

void WritePressure(text::JsonWriter& json, const StatusSnapshot& snapshot) {
  json.Key("queue").BeginObject();
  json.Key("records").Int(static_cast<std::int64_t>(snapshot.queue.records));
  json.Key("bytes").Int(static_cast<std::int64_t>(snapshot.queue.bytes));
  json.Key("bytes_limit").Int(static_cast<std::int64_t>(snapshot.queue.bytes_limit));
  json.EndObject();
  json.Key("batch_held_seconds").Double(snapshot.batch_held_seconds);
  json.Key("paused").BeginObject();
  json.Key("memory").Bool(snapshot.paused_for_memory);
  json.Key("postgres").Bool(snapshot.paused_for_postgres);
  json.EndObject();
}

void WriteErrors(text::JsonWriter& json, const std::vector<RecentError>& errors) {
  json.Key("errors").BeginArray();
  for (const RecentError& error : errors) {
    json.BeginObject();
    WriteTime(json, "time", error.time_ms);
    json.Key("source").String(error.source);
    json.Key("message").String(error.message);
    json.Key("times").Int(error.times);
    json.EndObject();
  }
  json.EndArray();
}

void WriteTotals(text::JsonWriter& json, const StatusSnapshot& snapshot) {
  json.Key("totals").BeginObject();
  text::WriteEventCounts(json, snapshot.totals);
  json.Key("batches").Int(snapshot.batches);
  json.Key("rate").Double(snapshot.rate);
  WriteLag(json, snapshot.lag);
  json.Key("catch_up_seconds").DoubleOrNull(snapshot.catch_up_seconds);
  json.Key("rebalances").Int(snapshot.rebalances);
  json.Key("fenced").Int(snapshot.fenced);
  json.Key("subscriptions_suspended").Int(snapshot.suspended);
  WriteHistory(json, snapshot.rate_history, snapshot.lag_history);
  json.EndObject();
}

}  // namespace

std::string StatusJson(const StatusSnapshot& snapshot) {
  text::JsonWriter json;
  json.BeginObject();
  json.Key("version").String(snapshot.version);
  json.Key("commit").String(snapshot.commit);
  json.Key("group_id").String(snapshot.group_id);
  WriteTime(json, "started", snapshot.started_ms);
  WriteTime(json, "now", snapshot.now_ms);
  json.Key("uptime_seconds").Int((snapshot.now_ms - snapshot.started_ms) / 1000);
  json.Key("ready").Bool(snapshot.readiness.ready);
  json.Key("reason").String(snapshot.readiness.reason);
  json.Key("postgres_up").Bool(snapshot.postgres_up);
  json.Key("kafka_up").Bool(snapshot.kafka_up);
  json.Key("copy_path").String(snapshot.copy_path);
  json.Key("partition_runway_seconds")
      .IntOrNull(snapshot.partition_runway.transform(
          [](std::chrono::seconds runway) { return std::int64_t{runway.count()}; }));
  WriteTotals(json, snapshot);
  WritePhases(json, snapshot);
  WriteDeadLetters(json, snapshot);
  WriteSetAside(json, snapshot.set_aside);
  WriteMissingRows(json, snapshot.missing_rows);
  WritePressure(json, snapshot);
  json.Key("partitions").BeginArray();
  const bool with_plots = snapshot.partitions.size() <= kPlottedPartitionsMax;
  for (const PartitionStatus& partition : snapshot.partitions) {
    WritePartition(json, partition, with_plots);
  }
  json.EndArray();
  WriteErrors(json, snapshot.errors);
  json.EndObject();
  return json.Take();
}

}  // namespace usage_ingest::telemetry
