#include "tests/support/pipeline/alert_history.h"

#include <fmt/format.h>

#include <fstream>
#include <regex>
#include <sstream>
#include <stdexcept>

#include "tests/support/child_process.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

constexpr char kRules[] = USAGE_INGEST_MONITORING "/alerts.yaml";
// What Prometheus adds to each series of a target, with the job that the rules expect.
constexpr char kTarget[] = R"(instance="a",job="usage-ingestd")";
constexpr auto kPromtoolMax = 60s;

// `name{labels} value` -> name{labels and target} -> value, for the series that a rule may read.
std::map<std::string, std::string> Parse(const std::string& scrape) {
  static const std::string rules = ReadFile(kRules);
  std::map<std::string, std::string> samples;
  std::istringstream lines(scrape);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line.starts_with('#')) continue;
    const std::size_t name_end = line.find_first_of("{ ");
    const std::size_t value = line.rfind(' ');
    if (name_end == std::string::npos || value == std::string::npos) {
      throw std::runtime_error("no line of /metrics: " + line);
    }
    const std::string name = line.substr(0, name_end);
    if (rules.find(name) == std::string::npos) continue;
    const bool has_labels = line[name_end] == '{';
    const std::string labels =
        has_labels ? "," + line.substr(name_end + 1, line.rfind('}') - name_end - 1) : "";
    samples[fmt::format("{}{{{}{}}}", name, kTarget, labels)] = line.substr(value + 1);
  }
  return samples;
}

}  // namespace

void AlertHistory::Add(const std::optional<std::string>& scrape, std::chrono::minutes duration) {
  std::map<std::string, std::string> samples;
  if (scrape) samples = Parse(*scrape);
  samples[std::string("up{") + kTarget + "}"] = scrape ? "1" : "0";
  for (std::chrono::minutes minute = 0min; minute < duration; ++minute) AddMinute(samples);
}

void AlertHistory::AddMinute(const std::map<std::string, std::string>& samples) {
  for (const auto& [name, value] : samples) {
    Values& values = series_[name];
    values.resize(minutes_, "_");
    values.push_back(value);
  }
  ++minutes_;
  for (auto& [name, values] : series_) {
    if (values.size() == minutes_) continue;
    const bool has_ended = values.back() == "stale" || values.back() == "_";
    values.emplace_back(has_ended ? "_" : "stale");
  }
}

std::string AlertHistory::RulesTest(std::chrono::minutes minute) const {
  std::string text = fmt::format(
      "rule_files: ['{}']\n"
      "evaluation_interval: 1m\n"
      "tests:\n"
      "  - interval: 1m\n"
      "    promql_expr_test:\n"
      "      - expr: 'group by (alertname) (ALERTS{{alertstate=\"firing\"}})'\n"
      "        eval_time: {}m\n"
      "        exp_samples: []\n"
      "    input_series:\n",
      kRules, minute.count());
  for (const auto& [name, values] : series_) {
    text += fmt::format("      - {{series: '{}', values: '{}'}}\n", name, fmt::join(values, " "));
  }
  return text;
}

std::set<std::string> AlertHistory::FiringAt(std::chrono::minutes minute) const {
  if (static_cast<std::size_t>(minute.count()) >= minutes_) {
    throw std::logic_error("the history is shorter");
  }
  const TempDir files;
  const std::string file = (files.path() / "test.yaml").string();
  std::ofstream(file) << RulesTest(minute);
  const CommandResult done =
      RunCommand({.command = {"promtool", "test", "rules", file}}, After(kPromtoolMax));
  if (done.exit_code == 0) return {};
  // The test expects no alert, so promtool prints those that it found.
  const std::string words = done.output + done.errors;
  static const std::regex alert("\\{alertname=\"(\\w+)\"\\}");
  std::set<std::string> firing;
  for (std::sregex_iterator at(words.begin(), words.end(), alert), end; at != end; ++at) {
    firing.insert((*at)[1].str());
  }
  if (firing.empty()) throw std::runtime_error("promtool: " + words);
  return firing;
}

}  // namespace usage_ingest::support
