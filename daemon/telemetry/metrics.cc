#include "daemon/telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <utility>

#include "daemon/telemetry/held_batches.h"
#include "daemon/telemetry/ignored_events.h"
#include "daemon/telemetry/index_metrics.h"
#include "daemon/telemetry/metric_registry.h"
#include "daemon/telemetry/postgres_sessions.h"
#include "daemon/telemetry/process_stats.h"
#include "schema/mutex.h"

namespace usage_ingest::telemetry {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using Buckets = MetricRegistry::Buckets;

// From a fast phase on local disk to a lock that is waited for.
const Buckets kPhaseBuckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
// Around the default linger, up to an hour of outage.
const Buckets kFreshnessBuckets{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600};
const Buckets kRowBuckets{1, 10, 100, 500, 1'000, 2'000, 5'000, 10'000, 20'000, 50'000, 100'000};
const Buckets kByteBuckets{1 << 10, 1 << 14, 1 << 17, 1 << 20, 1 << 22,
                           1 << 24, 1 << 25, 1 << 26, 1 << 28};

constexpr auto kOutcomeNames = [] {
  std::array<std::string_view, kEventOutcomeColumns.size()> names;
  std::ranges::transform(kEventOutcomeColumns, names.begin(), &EventCountColumn::outcome);
  return names;
}();
constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
const std::vector<std::string> kSourceLabels{"topic", "partition"};

prometheus::Labels SourceLabels(const TopicPartition& source) {
  return {{"topic", source.topic}, {"partition", std::to_string(source.partition.value)}};
}

// The catalogue: each metric once, with its name, labels and meaning. Label sets are closed, except
// for topic and partition, which are those that the configuration subscribes to.
struct Catalogue {
  MetricRegistry make;

  Family<Counter>& records = make.OpenLabels<Counter>(
      "usage_ingest_records_total", kSourceLabels, "Kafka records whose transaction is committed.");
  MetricByLabel<Counter> events =
      make.ByLabel<Counter>("usage_ingest_events_total", "outcome", kOutcomeNames,
                            "Events by what became of them; a record holds one or more.");
  MetricByLabel<Counter> dead_letters =
      make.ByLabel<Counter>("usage_ingest_dead_letters_total", "reason", kDeadLetterReasonNames,
                            "Events that were stored as dead letters, by reason.");
  Counter& dead_letters_healed = make.Single<Counter>(
      "usage_ingest_dead_letters_healed_total", "Dead letters that a retry turned into rows.");
  MetricByLabel<Gauge> dead_letters_pending =
      make.ByLabel<Gauge>("usage_ingest_dead_letters_pending", "reason", kDeadLetterReasonNames,
                          "Dead letters that wait for a retry or a person, by reason.");
  Gauge& rows_missing = make.Single<Gauge>(
      "usage_ingest_sampled_rows_missing",
      "Rows of usage_logs that were inserted and are gone, of those that are looked at.");
  MetricByLabel<Counter> skipped =
      make.ByLabel<Counter>("usage_ingest_skipped_total", "reason", kSkipReasonNames,
                            "Events that are not billed, by reason.");
  Family<Gauge>& lag_records = make.OpenLabels<Gauge>(
      "usage_ingest_lag_records", kSourceLabels,
      "Records in Kafka that are not committed to PostgreSQL yet; NaN while unknown.");
  Family<Gauge>& lag_seconds = make.OpenLabels<Gauge>(
      "usage_ingest_lag_seconds", kSourceLabels,
      "Age by Kafka timestamp of the oldest record not yet committed, 0 when there is none; NaN "
      "while unknown.");
  Family<Gauge>& partition_stuck = make.OpenLabels<Gauge>(
      "usage_ingest_partition_stuck", {"topic", "partition", "reason"},
      "1 while an assigned partition is not read although others are, by reason.");
  MetricByLabel<Histogram> batch_seconds =
      make.ByLabel<Histogram>("usage_ingest_batch_seconds", "phase", pipeline::kPhaseNames,
                              "Time that a batch spent in each phase.", kPhaseBuckets);
  Histogram& batch_rows = make.Single<Histogram>("usage_ingest_batch_rows",
                                                 "Rows of usage_logs in a batch.", kRowBuckets);
  Histogram& batch_bytes = make.Single<Histogram>(
      "usage_ingest_batch_bytes", "Bytes of Kafka values in a batch.", kByteBuckets);
  Histogram& event_to_commit_seconds = make.Single<Histogram>(
      "usage_ingest_event_to_commit_seconds",
      "Time from a record's Kafka timestamp to the commit of its rows.", kFreshnessBuckets);
  Gauge& queue_records = make.Single<Gauge>("usage_ingest_queue_records",
                                            "Records between the consumer and the lanes.");
  Gauge& queue_bytes = make.Single<Gauge>(
      "usage_ingest_queue_bytes", "Bytes of the records between the consumer and the lanes.");
  Gauge& queue_bytes_limit = make.Single<Gauge>("usage_ingest_queue_bytes_limit",
                                                "Bytes at which the consumer stops polling.");
  MetricByLabel<Gauge> paused =
      make.ByLabel<Gauge>("usage_ingest_paused", "reason", pipeline::kPauseReasonNames,
                          "1 while the consumer does not read, by reason.");
  Gauge& batch_held_seconds =
      make.Single<Gauge>("usage_ingest_batch_held_seconds",
                         "How long the oldest batch that failed has been tried again; 0: none.");
  Gauge& ready = make.Single<Gauge>("usage_ingest_ready",
                                    "1 while events are ingested or would be: what /readyz says.");
  MetricByLabel<Counter> postgres_errors = make.ByLabel<Counter>(
      "usage_ingest_postgres_errors_total", "class", pipeline::kPostgresErrorClassNames,
      "Errors of PostgreSQL by what was done about them.");
  Gauge& postgres_up = make.Single<Gauge>("usage_ingest_postgres_up",
                                          "1 when PostgreSQL answers every session of the daemon.");
  MetricByLabel<Counter> kafka_errors = make.ByLabel<Counter>(
      "usage_ingest_kafka_errors_total", "class", pipeline::kKafkaErrorClassNames,
      "Errors of the Kafka client by what was done about them.");
  Gauge& kafka_up = make.Single<Gauge>(
      "usage_ingest_kafka_up", "1 while the daemon is a member of its Kafka consumer group.");
  Counter& rebalances =
      make.Single<Counter>("usage_ingest_rebalances_total",
                           "Times the consumer group gave this process partitions or took them.");
  Counter& fenced = make.Single<Counter>(
      "usage_ingest_fenced_total",
      "Batches that were given up because another process owned the partition.");
  Counter& offset_gap_records = make.Single<Counter>(
      "usage_ingest_offset_gap_records_total",
      "Records that Kafka no longer had when they were due: lost to retention or a new topic.");
  MetricByLabel<Counter> log_changes = make.ByLabel<Counter>(
      "usage_ingest_log_changes_total", "change", pipeline::kLogChangeNames,
      "Logs of partitions that were replaced: truncated by an unclean election, or recreated.");
  Counter& subscriptions_suspended =
      make.Single<Counter>("usage_ingest_subscriptions_suspended_total",
                           "Subscriptions that a counter update of the daemon moved to suspended.");
  Counter& quota_warnings = make.Single<Counter>(
      "usage_ingest_quota_warnings_total",
      "Thresholds of quotas (quotas.warn_at) that were reached, once a period.");
  Counter& quota_periods =
      make.Single<Counter>("usage_ingest_quota_periods_started_total",
                           "Quota periods that the daemon's timer has started.");
  Gauge& partition_runway_seconds =
      make.Single<Gauge>("usage_ingest_partition_runway_seconds",
                         "Time until the last existing partition of usage_logs ends.");
  Gauge& retention_overdue_seconds = make.Single<Gauge>(
      "usage_ingest_retention_overdue_seconds",
      "How long the oldest partition of usage_logs has been kept beyond the retention.");
  IndexMetrics indexes{make};
  MetricByLabel<Gauge> copy_path = make.ByLabel<Gauge>(
      "usage_ingest_copy_path", "path", pipeline::kCopyPathNames,
      "1 for the path that the lanes' sessions use: foreign keys checked by batch, or by "
      "constraints; both 0 before the first batch.");
  Family<Gauge>& build_info = make.OpenLabels<Gauge>(
      "usage_ingest_build_info", {"version", "commit"}, "Always 1; what is running.");
  Counter& cpu_seconds = make.Single<Counter>("process_cpu_seconds_total",
                                              "Total user and system CPU time spent in seconds.");
  Gauge& resident_bytes =
      make.Single<Gauge>("process_resident_memory_bytes", "Resident memory size in bytes.");
  Gauge& virtual_bytes =
      make.Single<Gauge>("process_virtual_memory_bytes", "Virtual memory size in bytes.");
  Gauge& start_time = make.Single<Gauge>("process_start_time_seconds",
                                         "Start time of the process since unix epoch in seconds.");
  Gauge& open_fds = make.Single<Gauge>("process_open_fds", "Number of open file descriptors.");
  Gauge& max_fds =
      make.Single<Gauge>("process_max_fds", "Maximum number of open file descriptors.");
};

void Add(Counter& counter, std::int64_t count) { counter.Increment(static_cast<double>(count)); }

template <std::size_t N>
void AddEach(const MetricByLabel<Counter>& counters, const std::array<std::int64_t, N>& counts) {
  for (std::size_t i = 0; i < N; ++i) Add(counters[i], counts[i]);
}

}  // namespace

struct Metrics::Impl : IgnoredByMetrics {
  explicit Impl(Sources live) : sources(std::move(live)) {}

  using IgnoredByMetrics::operator();
  void operator()(const pipeline::BatchCommitted& batch);
  void operator()(const pipeline::DeadLettersHealed& healed) {
    Add(metrics.dead_letters_healed, healed.count);
  }
  void operator()(const pipeline::DeadLettersPending& pending) const {
    for (std::size_t i = 0; i < pending.by_reason.size(); ++i) {
      metrics.dead_letters_pending[i].Set(static_cast<double>(pending.by_reason[i]));
    }
  }
  void operator()(const pipeline::QuotaPeriodsStarted& started) const {
    Add(metrics.quota_periods, started.subscriptions);
  }
  void operator()(const pipeline::RowsMissing& missing) const {
    metrics.rows_missing.Set(static_cast<double>(missing.samples));
  }
  void operator()(const pipeline::PartitionRunway& runway) const {
    metrics.partition_runway_seconds.Set(static_cast<double>(runway.time.count()));
  }
  void operator()(const pipeline::RetentionOverdue& overdue) const {
    metrics.retention_overdue_seconds.Set(static_cast<double>(overdue.time.count()));
  }
  void operator()(const pipeline::IndexesWatched& indexes) const { metrics.indexes.Set(indexes); }
  void operator()(const pipeline::BatchHeld& event) {
    const MutexLock lock(mutex);
    held.Set(event, std::chrono::steady_clock::now());
  }
  void operator()(const pipeline::PostgresFailed& failure) const {
    metrics.postgres_errors[failure.error_class].Increment();
  }
  void operator()(const pipeline::PostgresSession& event) {
    const MutexLock lock(mutex);
    sessions.Set(event);
    metrics.postgres_up.Set(sessions.all_up() ? 1 : 0);
  }
  void operator()(const pipeline::CopyPathChosen& event);
  void operator()(const pipeline::Fenced& /*event*/) const { metrics.fenced.Increment(); }
  void operator()(const pipeline::KafkaFailed& failure) const {
    metrics.kafka_errors[failure.error_class].Increment();
  }
  void operator()(const pipeline::GroupMembership& event) const {
    metrics.kafka_up.Set(event.joined ? 1 : 0);
  }
  void operator()(const pipeline::PartitionsAssigned& assigned);
  void operator()(const pipeline::OffsetGap& gap) const {
    Add(metrics.offset_gap_records, gap.records);
  }
  void operator()(const pipeline::PartitionStuck& event);
  void operator()(const pipeline::LogChanged& event) const {
    metrics.log_changes[event.change].Increment();
  }
  void operator()(const pipeline::ReadingPaused& event) const {
    metrics.paused[event.reason].Set(event.paused ? 1 : 0);
  }

  Counter& RecordsOf(const TopicPartition& source);
  void ObserveFreshness(std::span<const std::int32_t> samples_ms) const;
  void RefreshQueue() const;
  void RefreshHeld();
  void RefreshLag() REQUIRES(render_mutex);
  void RefreshProcess() const;

  Sources sources;
  Catalogue metrics;
  Mutex render_mutex;  // one scrape at a time refreshes the gauges that are read at a scrape
  std::vector<std::pair<Gauge*, Gauge*>> lag_gauges GUARDED_BY(render_mutex);
  Mutex mutex;
  std::map<const TopicPartition*, Counter*> records_of GUARDED_BY(mutex);  // by interned pointer
  std::map<const TopicPartition*, Gauge*> stuck GUARDED_BY(mutex);
  PostgresSessions sessions GUARDED_BY(mutex);
  HeldBatches held GUARDED_BY(mutex);
};

void Metrics::Impl::operator()(const pipeline::BatchCommitted& batch) {
  EventCounts sum;
  for (const pipeline::PartitionProgress& progress : batch.partitions) {
    Add(RecordsOf(*progress.source), progress.counts.records);
    sum.Add(progress.counts);
  }
  for (std::size_t i = 0; i < kEventOutcomeColumns.size(); ++i) {
    Add(metrics.events[i], sum.*kEventOutcomeColumns[i].value);
  }
  AddEach(metrics.dead_letters, batch.dead_letters);
  AddEach(metrics.skipped, batch.skipped);
  Add(metrics.subscriptions_suspended, batch.suspended);
  Add(metrics.quota_warnings, batch.quota_warnings);
  for (std::size_t phase = 0; phase < batch.phase_time.size(); ++phase) {
    if (batch.phase_time[phase].count() == 0) continue;  // a batch without rows copies nothing
    metrics.batch_seconds[phase].Observe(
        std::chrono::duration<double>(batch.phase_time[phase]).count());
  }
  metrics.batch_rows.Observe(static_cast<double>(batch.rows));
  metrics.batch_bytes.Observe(static_cast<double>(batch.bytes));
  ObserveFreshness(batch.event_to_commit_ms);
}

void Metrics::Impl::operator()(const pipeline::CopyPathChosen& event) {
  const MutexLock lock(mutex);
  sessions.Set(event);
  for (std::size_t i = 0; i < pipeline::kCopyPathNames.size(); ++i) {
    metrics.copy_path[i].Set(sessions.copy_path() == static_cast<pipeline::CopyPath>(i) ? 1 : 0);
  }
}

void Metrics::Impl::operator()(const pipeline::PartitionsAssigned& assigned) {
  metrics.rebalances.Increment();
  const MutexLock lock(mutex);
  std::erase_if(stuck, [&](const auto& entry) {
    if (std::ranges::find(assigned.partitions, entry.first) != assigned.partitions.end()) {
      return false;
    }
    metrics.partition_stuck.Remove(entry.second);
    return true;
  });
}

void Metrics::Impl::operator()(const pipeline::PartitionStuck& event) {
  const MutexLock lock(mutex);
  if (const auto found = stuck.find(event.source); found != stuck.end()) {
    metrics.partition_stuck.Remove(found->second);
    stuck.erase(found);
  }
  if (!event.stuck) return;
  auto labels = SourceLabels(*event.source);
  labels["reason"] = pipeline::kStuckReasonNames[static_cast<std::size_t>(event.reason)];
  Gauge& gauge = metrics.partition_stuck.Add(labels);
  gauge.Set(1);
  stuck[event.source] = &gauge;
}

Counter& Metrics::Impl::RecordsOf(const TopicPartition& source) {
  const MutexLock lock(mutex);
  Counter*& counter = records_of[&source];
  if (counter == nullptr) counter = &metrics.records.Add(SourceLabels(source));
  return *counter;
}

// Sorted into buckets here, so that the histogram's lock is taken once and not once a record.
void Metrics::Impl::ObserveFreshness(std::span<const std::int32_t> samples_ms) const {
  if (samples_ms.empty()) return;
  std::vector<double> increments(kFreshnessBuckets.size() + 1);
  double sum = 0;
  for (const std::int32_t sample : samples_ms) {
    // A producer's clock may be ahead of this host's.
    const double seconds = std::max(0.0, static_cast<double>(sample) / 1000);
    const auto bucket = std::ranges::lower_bound(kFreshnessBuckets, seconds);
    increments[static_cast<std::size_t>(bucket - kFreshnessBuckets.begin())] += 1;
    sum += seconds;
  }
  metrics.event_to_commit_seconds.ObserveMultiple(increments, sum);
}

void Metrics::Impl::RefreshQueue() const {
  const QueueStatus queue = sources.queue();
  metrics.queue_records.Set(static_cast<double>(queue.records));
  metrics.queue_bytes.Set(static_cast<double>(queue.bytes));
  metrics.queue_bytes_limit.Set(static_cast<double>(queue.bytes_limit));
}

void Metrics::Impl::RefreshHeld() {
  const MutexLock lock(mutex);
  metrics.batch_held_seconds.Set(held.Seconds(std::chrono::steady_clock::now()));
}

// Made again at each scrape: a partition that went to another process disappears.
void Metrics::Impl::RefreshLag() {
  for (const auto& [by_records, by_seconds] : lag_gauges) {
    metrics.lag_records.Remove(by_records);
    metrics.lag_seconds.Remove(by_seconds);
  }
  lag_gauges.clear();
  for (const PartitionLagNow& lag : sources.lag->Now()) {
    const auto labels = SourceLabels(lag.source);
    lag_gauges.emplace_back(&metrics.lag_records.Add(labels), &metrics.lag_seconds.Add(labels));
    lag_gauges.back().first->Set(lag.known ? static_cast<double>(lag.known->records) : kUnknown);
    lag_gauges.back().second->Set(lag.known ? lag.known->seconds : kUnknown);
  }
}

void Metrics::Impl::RefreshProcess() const {
  const ProcessStats stats = ReadProcessStats();
  // The counter follows the kernel's: Render lets one caller in at a time.
  metrics.cpu_seconds.Increment(std::max(0.0, stats.cpu_seconds - metrics.cpu_seconds.Value()));
  metrics.resident_bytes.Set(static_cast<double>(stats.resident_bytes));
  metrics.virtual_bytes.Set(static_cast<double>(stats.virtual_bytes));
  metrics.start_time.Set(stats.start_time_seconds);
  metrics.open_fds.Set(static_cast<double>(stats.open_fds));
  metrics.max_fds.Set(static_cast<double>(stats.max_fds));
}

Metrics::Metrics(const Build& build, Sources sources)
    : impl_(std::make_unique<Impl>(std::move(sources))) {
  impl_->metrics.build_info.Add({{"version", build.version}, {"commit", build.commit}}).Set(1);
}

Metrics::~Metrics() = default;

void Metrics::On(const pipeline::TelemetryEvent& event) { std::visit(*impl_, event); }

std::string Metrics::Render() {
  const MutexLock lock(impl_->render_mutex);
  impl_->metrics.ready.Set(impl_->sources.ready() ? 1 : 0);
  impl_->RefreshQueue();
  impl_->RefreshHeld();
  impl_->RefreshLag();
  impl_->RefreshProcess();
  return impl_->metrics.make.Render();
}

const std::vector<MetricDefinition>& Metrics::definitions() const {
  return impl_->metrics.make.definitions();
}

}  // namespace usage_ingest::telemetry
