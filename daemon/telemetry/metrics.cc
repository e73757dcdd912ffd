#include "daemon/telemetry/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>
#include <vector>

#include "daemon/telemetry/metrics_catalogue.h"
#include "daemon/telemetry/process_stats.h"
#include "daemon/telemetry/sessions_up.h"

namespace usage_ingest::telemetry {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;
using Buckets = Histogram::BucketBoundaries;

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
constexpr std::array<std::string_view, 3> kPostgresClassNames = {"transient", "data", "fatal"};
constexpr std::array<std::string_view, 2> kKafkaClassNames = {"transient", "fatal"};
constexpr std::array<std::string_view, 2> kPauseNames = {"memory", "postgres"};
constexpr std::array<std::string_view, 2> kCopyPathNames = {"batch", "constraints"};

template <class T, class Builder>
Family<T>& Register(prometheus::Registry& registry, Builder builder, MetricId id) {
  const MetricSpec& spec = Spec(id);
  return builder.Name(std::string(spec.name)).Help(std::string(spec.help)).Register(registry);
}

// One metric for each value of a closed label, made at once so that it is 0 before it first moves.
template <class T, std::size_t N>
class ByLabel {
 public:
  template <class... Args>
  ByLabel(Family<T>& family, const std::string& label, const std::array<std::string_view, N>& names,
          const Args&... args) {
    for (std::size_t i = 0; i < N; ++i) {
      metrics_[i] = &family.Add({{label, std::string(names[i])}}, args...);
    }
  }
  template <class Enum>
  T& operator[](Enum index) {
    return *metrics_[static_cast<std::size_t>(index)];
  }

 private:
  std::array<T*, N> metrics_{};
};

prometheus::Labels SourceLabels(const TopicPartition& source) {
  return {{"topic", source.topic}, {"partition", std::to_string(source.partition.value)}};
}

}  // namespace

struct Metrics::Impl {
  explicit Impl(Sources live) : sources(std::move(live)) {}

  Family<Counter>& Counters(MetricId id) {
    return Register<Counter>(registry, prometheus::BuildCounter(), id);
  }
  Family<Gauge>& Gauges(MetricId id) {
    return Register<Gauge>(registry, prometheus::BuildGauge(), id);
  }
  Family<Histogram>& Histograms(MetricId id) {
    return Register<Histogram>(registry, prometheus::BuildHistogram(), id);
  }
  Counter& OneCounter(MetricId id) { return Counters(id).Add({}); }
  Gauge& OneGauge(MetricId id) { return Gauges(id).Add({}); }

  Counter& RecordsOf(const TopicPartition& source);
  void CountOutcomes(const pipeline::BatchReport& report);
  void ObserveFreshness(std::span<const std::int32_t> samples_ms);
  void RefreshLag();
  void RefreshProcess();

  Sources sources;
  std::mutex render_mutex;  // one scrape at a time refreshes what is asked for
  std::mutex mutex;
  SessionsUp sessions;                                                 // guarded by mutex
  std::vector<std::pair<const TopicPartition*, Counter*>> records_of;  // guarded by mutex
  std::vector<std::pair<Gauge*, Gauge*>> lag_gauges;                   // guarded by mutex

  prometheus::Registry registry;
  Family<Counter>& records = Counters(MetricId::kRecords);
  ByLabel<Counter, kOutcomeNames.size()> events{Counters(MetricId::kEvents), "outcome",
                                                kOutcomeNames};
  ByLabel<Counter, kDeadLetterReasonNames.size()> dead_letters{Counters(MetricId::kDeadLetters),
                                                               "reason", kDeadLetterReasonNames};
  Counter& healed = OneCounter(MetricId::kDeadLettersHealed);
  Gauge& pending = OneGauge(MetricId::kDeadLettersPending);
  ByLabel<Counter, kSkipReasonNames.size()> skipped{Counters(MetricId::kSkipped), "reason",
                                                    kSkipReasonNames};
  Family<Gauge>& lag_records = Gauges(MetricId::kLagRecords);
  Family<Gauge>& lag_seconds = Gauges(MetricId::kLagSeconds);
  ByLabel<Histogram, 5> batch_seconds{Histograms(MetricId::kBatchSeconds), "phase",
                                      pipeline::kPhaseNames, kPhaseBuckets};
  Histogram& batch_rows = Histograms(MetricId::kBatchRows).Add({}, kRowBuckets);
  Histogram& batch_bytes = Histograms(MetricId::kBatchBytes).Add({}, kByteBuckets);
  Histogram& freshness = Histograms(MetricId::kEventToCommitSeconds).Add({}, kFreshnessBuckets);
  Gauge& queue_records = OneGauge(MetricId::kQueueRecords);
  Gauge& queue_bytes = OneGauge(MetricId::kQueueBytes);
  Gauge& queue_bytes_limit = OneGauge(MetricId::kQueueBytesLimit);
  ByLabel<Gauge, 2> paused{Gauges(MetricId::kPaused), "reason", kPauseNames};
  ByLabel<Counter, 3> postgres_errors{Counters(MetricId::kPostgresErrors), "class",
                                      kPostgresClassNames};
  Gauge& postgres_up = OneGauge(MetricId::kPostgresUp);
  ByLabel<Counter, 2> kafka_errors{Counters(MetricId::kKafkaErrors), "class", kKafkaClassNames};
  Counter& rebalances = OneCounter(MetricId::kRebalances);
  Counter& fenced = OneCounter(MetricId::kFenced);
  Counter& gap_records = OneCounter(MetricId::kOffsetGapRecords);
  Counter& suspended = OneCounter(MetricId::kSubscriptionsSuspended);
  Gauge& runway = OneGauge(MetricId::kPartitionRunwaySeconds);
  ByLabel<Gauge, 2> copy_path{Gauges(MetricId::kCopyPath), "path", kCopyPathNames};
  Family<Gauge>& build_info = Gauges(MetricId::kBuildInfo);
  Counter& cpu_seconds = OneCounter(MetricId::kProcessCpuSeconds);
  Gauge& resident_bytes = OneGauge(MetricId::kProcessResidentMemoryBytes);
  Gauge& virtual_bytes = OneGauge(MetricId::kProcessVirtualMemoryBytes);
  Gauge& start_time = OneGauge(MetricId::kProcessStartTimeSeconds);
  Gauge& open_fds = OneGauge(MetricId::kProcessOpenFds);
  Gauge& max_fds = OneGauge(MetricId::kProcessMaxFds);
};

Counter& Metrics::Impl::RecordsOf(const TopicPartition& source) {
  const std::scoped_lock lock(mutex);
  const auto known =
      std::ranges::find(records_of, &source, &std::pair<const TopicPartition*, Counter*>::first);
  if (known != records_of.end()) return *known->second;
  Counter& counter = records.Add(SourceLabels(source));
  records_of.emplace_back(&source, &counter);
  return counter;
}

void Metrics::Impl::CountOutcomes(const pipeline::BatchReport& report) {
  EventCounts sum;
  for (const pipeline::PartitionProgress& progress : report.partitions) {
    RecordsOf(*progress.source).Increment(static_cast<double>(progress.outcomes.records));
    sum.Add(progress.outcomes);
  }
  for (std::size_t i = 0; i < kEventOutcomeColumns.size(); ++i) {
    events[i].Increment(static_cast<double>(sum.*kEventOutcomeColumns[i].value));
  }
  for (std::size_t i = 0; i < report.dead_letters.size(); ++i) {
    dead_letters[i].Increment(static_cast<double>(report.dead_letters[i]));
  }
  for (std::size_t i = 0; i < report.skipped.size(); ++i) {
    skipped[i].Increment(static_cast<double>(report.skipped[i]));
  }
}

// Sorted into buckets here, so that the histogram's lock is taken once and not once a record.
void Metrics::Impl::ObserveFreshness(std::span<const std::int32_t> samples_ms) {
  if (samples_ms.empty()) return;
  std::vector<double> increments(kFreshnessBuckets.size() + 1);
  double sum = 0;
  for (const std::int32_t sample : samples_ms) {
    // A producer's clock may be ahead of ours.
    const double seconds = std::max(0.0, static_cast<double>(sample) / 1000);
    const auto bucket = std::ranges::lower_bound(kFreshnessBuckets, seconds);
    increments[static_cast<std::size_t>(bucket - kFreshnessBuckets.begin())] += 1;
    sum += seconds;
  }
  freshness.ObserveMultiple(increments, sum);
}

// Built anew at each scrape: a partition that went to another process disappears.
void Metrics::Impl::RefreshLag() {
  const std::scoped_lock lock(mutex);
  for (const auto& [by_records, by_seconds] : lag_gauges) {
    lag_records.Remove(by_records);
    lag_seconds.Remove(by_seconds);
  }
  lag_gauges.clear();
  for (const PartitionLagNow& lag : sources.lag->Now()) {
    const auto labels = SourceLabels(*lag.source);
    lag_gauges.emplace_back(&lag_records.Add(labels), &lag_seconds.Add(labels));
    lag_gauges.back().first->Set(static_cast<double>(lag.records));
    lag_gauges.back().second->Set(lag.seconds);
  }
}

void Metrics::Impl::RefreshProcess() {
  const ProcessStats stats = ReadProcessStats();
  // The kernel's counter, followed: Render lets one caller in at a time.
  cpu_seconds.Increment(std::max(0.0, stats.cpu_seconds - cpu_seconds.Value()));
  resident_bytes.Set(static_cast<double>(stats.resident_bytes));
  virtual_bytes.Set(static_cast<double>(stats.virtual_bytes));
  start_time.Set(stats.start_time_seconds);
  open_fds.Set(static_cast<double>(stats.open_fds));
  max_fds.Set(static_cast<double>(stats.max_fds));
}

Metrics::Metrics(const Build& build, Sources sources)
    : impl_(std::make_unique<Impl>(std::move(sources))) {
  impl_->build_info.Add({{"version", build.version}, {"commit", build.commit}}).Set(1);
  impl_->queue_bytes_limit.Set(static_cast<double>(impl_->sources.queue_bytes_limit));
}

Metrics::~Metrics() = default;

void Metrics::BatchCommitted(std::size_t, const pipeline::BatchReport& report) {
  impl_->CountOutcomes(report);
  impl_->suspended.Increment(static_cast<double>(report.suspended));
  for (std::size_t phase = 0; phase < report.phase_time.size(); ++phase) {
    if (report.phase_time[phase].count() == 0) continue;  // a batch without rows copies nothing
    impl_->batch_seconds[phase].Observe(
        std::chrono::duration<double>(report.phase_time[phase]).count());
  }
  impl_->batch_rows.Observe(static_cast<double>(report.rows));
  impl_->batch_bytes.Observe(static_cast<double>(report.bytes));
  impl_->ObserveFreshness(report.event_to_commit_ms);
}

void Metrics::DeadLettersHealed(std::int64_t count) {
  impl_->healed.Increment(static_cast<double>(count));
}

void Metrics::PostgresError(pipeline::PostgresErrorClass error_class, std::string_view) {
  impl_->postgres_errors[error_class].Increment();
}

void Metrics::PostgresUp(std::size_t session, bool up) {
  const std::scoped_lock lock(impl_->mutex);
  impl_->sessions.Set(session, up);
  impl_->postgres_up.Set(impl_->sessions.all_up() ? 1 : 0);
}

void Metrics::Fenced(std::string_view) { impl_->fenced.Increment(); }

void Metrics::KafkaError(pipeline::KafkaErrorClass error_class, std::string_view) {
  impl_->kafka_errors[error_class].Increment();
}

void Metrics::Rebalanced(std::span<const TopicPartition* const>) { impl_->rebalances.Increment(); }

void Metrics::OffsetGap(const TopicPartition&, std::int64_t records) {
  impl_->gap_records.Increment(static_cast<double>(records));
}

void Metrics::Paused(pipeline::PauseReason reason, bool paused) {
  impl_->paused[reason].Set(paused ? 1 : 0);
}

void Metrics::Lag(const TopicPartition&, const pipeline::PartitionLag&) {
  // The status board's LagTracker has it; the gauges are filled at the scrape.
}

void Metrics::SetDeadLettersPending(std::int64_t count) {
  impl_->pending.Set(static_cast<double>(count));
}

void Metrics::SetPartitionRunway(std::chrono::seconds runway) {
  impl_->runway.Set(static_cast<double>(runway.count()));
}

void Metrics::SetCopyPath(CopyPath path) {
  impl_->copy_path[CopyPath::kBatch].Set(path == CopyPath::kBatch ? 1 : 0);
  impl_->copy_path[CopyPath::kConstraints].Set(path == CopyPath::kConstraints ? 1 : 0);
}

std::string Metrics::Render() {
  const std::scoped_lock lock(impl_->render_mutex);
  impl_->queue_records.Set(static_cast<double>(impl_->sources.queue_records()));
  impl_->queue_bytes.Set(static_cast<double>(impl_->sources.queue_bytes()));
  impl_->RefreshLag();
  impl_->RefreshProcess();
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace usage_ingest::telemetry
