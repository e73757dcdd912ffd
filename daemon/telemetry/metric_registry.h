#pragma once
// MetricRegistry: makes Prometheus metrics and remembers their definitions.
//
// A metric is defined where it is made: name, labels and help are arguments of one call. The table
// in docs/metrics.md is compared with the list of definitions.
//
// Thread-safety metrics are made on one thread; moving one and Render from any thread.
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "daemon/telemetry/metric_definition.h"

namespace prometheus {
template <class Metric>
class Family;  // NOLINT(readability-identifier-naming): of prometheus-cpp
}

namespace usage_ingest::telemetry {

// One metric for each value of a closed label. All are made at once, so that each is exposed as 0
// before it first moves.
template <class Metric>
class MetricByLabel {
 public:
  explicit MetricByLabel(std::vector<Metric*> metrics) : metrics_(std::move(metrics)) {}
  // By the position of the value, which is the enumerator where the label is an enum.
  template <class Index>
  Metric& operator[](Index index) const {
    return *metrics_[static_cast<std::size_t>(index)];
  }

 private:
  std::vector<Metric*> metrics_;
};

// Metric is prometheus::Counter, Gauge or Histogram.
class MetricRegistry {
 public:
  using Buckets = std::vector<double>;  // upper bounds; for a histogram only

  MetricRegistry();
  ~MetricRegistry();

  template <class Metric>
  Metric& Single(const std::string& name, const std::string& help, const Buckets& buckets = {});
  template <class Metric>
  MetricByLabel<Metric> ByLabel(const std::string& name, const std::string& label,
                                std::span<const std::string_view> values, const std::string& help,
                                const Buckets& buckets = {});
  // The values of the labels are added when they are known.
  template <class Metric>
  prometheus::Family<Metric>& OpenLabels(const std::string& name,
                                         const std::vector<std::string>& labels,
                                         const std::string& help);

  // In the order in which they were made.
  [[nodiscard]] const std::vector<MetricDefinition>& definitions() const;
  // Prometheus text format 0.0.4.
  [[nodiscard]] std::string Render() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::telemetry
