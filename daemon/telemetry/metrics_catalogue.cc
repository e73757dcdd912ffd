#include "daemon/telemetry/metrics_catalogue.h"

namespace usage_ingest::telemetry {
namespace {

using enum MetricId;
using enum MetricType;

constexpr std::array<MetricSpec, kMetricCount> kCatalogue = {{
    {kRecords, "usage_ingest_records_total", kCounter, "topic,partition",
     "Kafka records whose transaction is committed."},
    {kEvents, "usage_ingest_events_total", kCounter,
     "outcome=inserted|duplicate|dead_letter|skipped",
     "Events by what became of them; a record holds one or more."},
    {kDeadLetters, "usage_ingest_dead_letters_total", kCounter,
     "reason=invalid_json|invalid_field|invalid_number|value_out_of_range|timestamp_out_of_range|"
     "unattributed|record_too_large|rejected_by_database",
     "Events that were stored as dead letters, by reason."},
    {kDeadLettersHealed, "usage_ingest_dead_letters_healed_total", kCounter, "",
     "Dead letters that a retry turned into rows."},
    {kDeadLettersPending, "usage_ingest_dead_letters_pending", kGauge, "",
     "Dead letters that wait for a retry or a person."},
    {kSkipped, "usage_ingest_skipped_total", kCounter,
     "reason=tombstone|null_element|internal|no_usage|master_key",
     "Events that are nobody's usage, by reason."},
    {kLagRecords, "usage_ingest_lag_records", kGauge, "topic,partition",
     "Records in Kafka that are not committed to PostgreSQL yet."},
    {kLagSeconds, "usage_ingest_lag_seconds", kGauge, "topic,partition",
     "Age by Kafka timestamp of the oldest record not yet committed, 0 when there is none."},
    {kBatchSeconds, "usage_ingest_batch_seconds", kHistogram,
     "phase=decode|attribute|copy|upsert|commit", "Time that a batch spent in each phase."},
    {kBatchRows, "usage_ingest_batch_rows", kHistogram, "", "Rows of usage_logs in a batch."},
    {kBatchBytes, "usage_ingest_batch_bytes", kHistogram, "", "Bytes of Kafka values in a batch."},
    {kEventToCommitSeconds, "usage_ingest_event_to_commit_seconds", kHistogram, "",
     "Time from a record's Kafka timestamp to the commit of its rows."},
    {kQueueRecords, "usage_ingest_queue_records", kGauge, "",
     "Records between the consumer and the lanes."},
    {kQueueBytes, "usage_ingest_queue_bytes", kGauge, "",
     "Bytes of the records between the consumer and the lanes."},
    {kQueueBytesLimit, "usage_ingest_queue_bytes_limit", kGauge, "",
     "Bytes at which the consumer stops polling."},
    {kPaused, "usage_ingest_paused", kGauge, "reason=memory|postgres",
     "1 while the consumer does not read, by reason."},
    {kPostgresErrors, "usage_ingest_postgres_errors_total", kCounter, "class=transient|data|fatal",
     "Errors of PostgreSQL by what was done about them."},
    {kPostgresUp, "usage_ingest_postgres_up", kGauge, "",
     "1 when PostgreSQL answers every session of the daemon."},
    {kKafkaErrors, "usage_ingest_kafka_errors_total", kCounter, "class=transient|fatal",
     "Errors of the Kafka client by what was done about them."},
    {kRebalances, "usage_ingest_rebalances_total", kCounter, "",
     "Times the consumer group gave this process partitions or took them."},
    {kFenced, "usage_ingest_fenced_total", kCounter, "",
     "Batches that were given up because another process owned the partition."},
    {kOffsetGapRecords, "usage_ingest_offset_gap_records_total", kCounter, "",
     "Records that Kafka no longer had when they were due: lost to retention or a new topic."},
    {kSubscriptionsSuspended, "usage_ingest_subscriptions_suspended_total", kCounter, "",
     "Subscriptions that a counter update of the daemon moved to suspended."},
    {kPartitionRunwaySeconds, "usage_ingest_partition_runway_seconds", kGauge, "",
     "Time until the last existing partition of usage_logs ends."},
    {kCopyPath, "usage_ingest_copy_path", kGauge, "path=batch|constraints",
     "1 for the way in use: foreign keys checked by batch, or by constraints."},
    {kBuildInfo, "usage_ingest_build_info", kGauge, "version,commit", "Always 1; what is running."},
    {kProcessCpuSeconds, "process_cpu_seconds_total", kCounter, "",
     "Total user and system CPU time spent in seconds."},
    {kProcessResidentMemoryBytes, "process_resident_memory_bytes", kGauge, "",
     "Resident memory size in bytes."},
    {kProcessVirtualMemoryBytes, "process_virtual_memory_bytes", kGauge, "",
     "Virtual memory size in bytes."},
    {kProcessStartTimeSeconds, "process_start_time_seconds", kGauge, "",
     "Start time of the process since unix epoch in seconds."},
    {kProcessOpenFds, "process_open_fds", kGauge, "", "Number of open file descriptors."},
    {kProcessMaxFds, "process_max_fds", kGauge, "", "Maximum number of open file descriptors."},
}};

// Spec() indexes by id.
constexpr bool IsInOrder() {
  for (std::size_t i = 0; i < kCatalogue.size(); ++i) {
    if (static_cast<std::size_t>(kCatalogue[i].id) != i) return false;
  }
  return true;
}
static_assert(IsInOrder());

}  // namespace

std::span<const MetricSpec, kMetricCount> MetricCatalogue() { return kCatalogue; }

const MetricSpec& Spec(MetricId id) { return kCatalogue[static_cast<std::size_t>(id)]; }

std::string_view TypeName(MetricType type) {
  constexpr std::array<std::string_view, 3> kNames = {"counter", "gauge", "histogram"};
  return kNames[static_cast<std::size_t>(type)];
}

}  // namespace usage_ingest::telemetry
