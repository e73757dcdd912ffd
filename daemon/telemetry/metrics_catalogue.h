#pragma once
// Metrics catalogue: the name, type, labels and meaning of every metric, in one place.
//
// Alerts, dashboards and docs/metrics.md use these names; a golden test holds the list, so that a
// rename is a decision and not an accident. Label sets are closed but for topic and partition,
// which are what the configuration subscribes to.
#include <array>
#include <span>
#include <string_view>

namespace usage_ingest::telemetry {

enum class MetricType : unsigned char { kCounter, kGauge, kHistogram };

enum class MetricId : unsigned char {
  kRecords,
  kEvents,
  kDeadLetters,
  kDeadLettersHealed,
  kDeadLettersPending,
  kSkipped,
  kLagRecords,
  kLagSeconds,
  kBatchSeconds,
  kBatchRows,
  kBatchBytes,
  kEventToCommitSeconds,
  kQueueRecords,
  kQueueBytes,
  kQueueBytesLimit,
  kPaused,
  kPostgresErrors,
  kPostgresUp,
  kKafkaErrors,
  kRebalances,
  kFenced,
  kOffsetGapRecords,
  kSubscriptionsSuspended,
  kPartitionRunwaySeconds,
  kCopyPath,
  kBuildInfo,
  kProcessCpuSeconds,
  kProcessResidentMemoryBytes,
  kProcessVirtualMemoryBytes,
  kProcessStartTimeSeconds,
  kProcessOpenFds,
  kProcessMaxFds,
};
inline constexpr std::size_t kMetricCount = 32;

struct MetricSpec {
  MetricId id;
  std::string_view name;
  MetricType type;
  std::string_view labels;  // "reason=memory|postgres", "topic,partition" or empty
  std::string_view help;
};

[[nodiscard]] std::span<const MetricSpec, kMetricCount> MetricCatalogue();
[[nodiscard]] const MetricSpec& Spec(MetricId id);
[[nodiscard]] std::string_view TypeName(MetricType type);

}  // namespace usage_ingest::telemetry
