#include "daemon/telemetry/metric_registry.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <type_traits>

namespace usage_ingest::telemetry {
namespace {

using prometheus::Counter;
using prometheus::Family;
using prometheus::Gauge;
using prometheus::Histogram;

template <class Metric>
constexpr MetricType kTypeOf = std::is_same_v<Metric, Counter> ? MetricType::kCounter
                               : std::is_same_v<Metric, Gauge> ? MetricType::kGauge
                                                               : MetricType::kHistogram;

template <class Metric>
auto Build() {
  if constexpr (std::is_same_v<Metric, Counter>) return prometheus::BuildCounter();
  if constexpr (std::is_same_v<Metric, Gauge>) return prometheus::BuildGauge();
  if constexpr (std::is_same_v<Metric, Histogram>) return prometheus::BuildHistogram();
}

template <class Metric>
Metric& AddTo(Family<Metric>& family, const prometheus::Labels& labels,
              const MetricRegistry::Buckets& buckets) {
  if constexpr (std::is_same_v<Metric, Histogram>) {
    return family.Add(labels, buckets);
  } else {
    return family.Add(labels);
  }
}

}  // namespace

std::string_view Name(MetricType type) {
  constexpr std::array<std::string_view, 3> kNames = {"counter", "gauge", "histogram"};
  return kNames[static_cast<std::size_t>(type)];
}

struct MetricRegistry::Impl {
  template <class Metric>
  Family<Metric>& Define(const std::string& name, std::vector<MetricLabel> labels,
                         const std::string& help) {
    definitions.push_back({name, kTypeOf<Metric>, std::move(labels), help});
    return Build<Metric>().Name(name).Help(help).Register(registry);
  }

  prometheus::Registry registry;
  std::vector<MetricDefinition> definitions;
};

MetricRegistry::MetricRegistry() : impl_(std::make_unique<Impl>()) {}
MetricRegistry::~MetricRegistry() = default;

template <class Metric>
Metric& MetricRegistry::Single(const std::string& name, const std::string& help,
                               const Buckets& buckets) {
  return AddTo(impl_->Define<Metric>(name, {}, help), {}, buckets);
}

template <class Metric>
MetricByLabel<Metric> MetricRegistry::ByLabel(const std::string& name, const std::string& label,
                                              std::span<const std::string_view> values,
                                              const std::string& help, const Buckets& buckets) {
  Family<Metric>& family = impl_->Define<Metric>(name, {{label, values}}, help);
  std::vector<Metric*> metrics;
  for (const std::string_view value : values) {
    metrics.push_back(&AddTo(family, {{label, std::string(value)}}, buckets));
  }
  return MetricByLabel<Metric>(std::move(metrics));
}

template <class Metric>
Family<Metric>& MetricRegistry::OpenLabels(const std::string& name,
                                           const std::vector<std::string>& labels,
                                           const std::string& help) {
  std::vector<MetricLabel> open;
  for (const std::string& label : labels) open.push_back({label, {}});
  return impl_->Define<Metric>(name, std::move(open), help);
}

const std::vector<MetricDefinition>& MetricRegistry::definitions() const {
  return impl_->definitions;
}

std::string MetricRegistry::Render() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

template Counter& MetricRegistry::Single(const std::string&, const std::string&, const Buckets&);
template Gauge& MetricRegistry::Single(const std::string&, const std::string&, const Buckets&);
template Histogram& MetricRegistry::Single(const std::string&, const std::string&, const Buckets&);
template MetricByLabel<Counter> MetricRegistry::ByLabel(const std::string&, const std::string&,
                                                        std::span<const std::string_view>,
                                                        const std::string&, const Buckets&);
template MetricByLabel<Gauge> MetricRegistry::ByLabel(const std::string&, const std::string&,
                                                      std::span<const std::string_view>,
                                                      const std::string&, const Buckets&);
template MetricByLabel<Histogram> MetricRegistry::ByLabel(const std::string&, const std::string&,
                                                          std::span<const std::string_view>,
                                                          const std::string&, const Buckets&);
template Family<Counter>& MetricRegistry::OpenLabels(const std::string&,
                                                     const std::vector<std::string>&,
                                                     const std::string&);
template Family<Gauge>& MetricRegistry::OpenLabels(const std::string&,
                                                   const std::vector<std::string>&,
                                                   const std::string&);

}  // namespace usage_ingest::telemetry
