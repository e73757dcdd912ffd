#pragma once
// IndexMetrics: what the daemon sees of deferred indexes. `partitions index` builds them, so the
// counts are those of the database and not of this process.
#include "daemon/telemetry/metric_registry.h"
#include "ingest/pipeline/telemetry.h"

namespace prometheus {
class Gauge;  // NOLINT(readability-identifier-naming): of prometheus-cpp
}

namespace usage_ingest::telemetry {

class IndexMetrics {
 public:
  explicit IndexMetrics(MetricRegistry& make);
  void Set(const pipeline::IndexesWatched& indexes) const;

 private:
  prometheus::Gauge& waiting_;
  prometheus::Gauge& not_deferred_;
  prometheus::Gauge& built_;
  prometheus::Gauge& build_seconds_;
};

}  // namespace usage_ingest::telemetry
