#pragma once
// MetricDefinition: name, type, labels and meaning of one metric.
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace usage_ingest::telemetry {

enum class MetricType : unsigned char { kCounter, kGauge, kHistogram };
[[nodiscard]] std::string_view Name(MetricType type);

struct MetricLabel {
  std::string name;
  std::span<const std::string_view> values;  // empty: not a closed set; static memory
};

struct MetricDefinition {
  std::string name;
  MetricType type{};
  std::vector<MetricLabel> labels;
  std::string help;
};

}  // namespace usage_ingest::telemetry
