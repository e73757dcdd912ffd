#include "daemon/telemetry/index_metrics.h"

#include <prometheus/gauge.h>

#include <chrono>

namespace usage_ingest::telemetry {

using prometheus::Gauge;

IndexMetrics::IndexMetrics(MetricRegistry& make)
    : waiting_(make.Single<Gauge>(
          "usage_ingest_partitions_waiting_for_indexes",
          "Partitions of usage_logs whose day is over and that lack deferred indexes.")),
      not_deferred_(make.Single<Gauge>(
          "usage_ingest_indexes_not_deferred",
          "Indexes that each row is added to at once although partitions.indexes is deferred.")),
      built_(make.Single<Gauge>("usage_ingest_indexes_built",
                                "Deferred indexes that were built until now.")),
      build_seconds_(make.Single<Gauge>("usage_ingest_index_build_seconds",
                                        "How long building all of them took.")) {}

void IndexMetrics::Set(const pipeline::IndexesWatched& indexes) const {
  waiting_.Set(static_cast<double>(indexes.partitions_waiting));
  not_deferred_.Set(static_cast<double>(indexes.not_deferred));
  built_.Set(static_cast<double>(indexes.built));
  build_seconds_.Set(std::chrono::duration<double>(indexes.build_time).count());
}

}  // namespace usage_ingest::telemetry
