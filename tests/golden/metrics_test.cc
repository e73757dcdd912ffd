// The names that alerts and dashboards use: changing one must be a decision.
// USAGE_INGEST_UPDATE_GOLDEN=1 rewrites metrics.txt and the table in docs/metrics.md.
#include "daemon/telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/formatter.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "daemon/telemetry/logging.h"
#include "tests/unit/telemetry/report_fixture.h"

namespace usage_ingest {
namespace {

const std::string kSource = USAGE_INGEST_SOURCE_DIR;
const std::string kGoldenFile = kSource + "/tests/golden/metrics.txt";
const std::string kDocsFile = kSource + "/docs/metrics.md";
const std::string kTableBegin = "<!-- metrics: generated, see tests/golden/metrics_test.cc -->\n";
const std::string kTableEnd = "<!-- /metrics -->\n";

bool Updating() { return std::getenv("USAGE_INGEST_UPDATE_GOLDEN") != nullptr; }

std::string ReadFile(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// A scrape after everything was reported once, so that every metric has a sample.
struct Scrape {
  Scrape() {
    telemetry::LagTracker lag(telemetry::SystemClockMs);
    telemetry::Metrics metrics(
        {.version = "1", .commit = "c"},
        {[] { return telemetry::QueueStatus{}; }, [] { return true; }, &lag});
    const telemetry::SampleBatch batch;
    metrics.On(batch.committed);
    lag.Report({.source = &telemetry::kUsage0});
    metrics.On(pipeline::PartitionStuck{.source = &telemetry::kUsage0, .stuck = true, .why = {}});
    text = metrics.Render();
    definitions = metrics.definitions();
  }
  std::string text;
  std::vector<telemetry::MetricDefinition> definitions;
};

using LabelValues = std::map<std::string, std::set<std::string>>;

// " label=value|value label=*".
std::string LabelsText(const LabelValues& labels) {
  std::string text;
  for (const auto& [label, values] : labels) {
    text += ' ' + label + '=';
    for (const auto& value : values) text += (value == *values.begin() ? "" : "|") + value;
  }
  return text;
}

// "name type label=value,value" as a scrape shows it; a label with open values has none.
std::string Exposed(const std::string& text) {
  std::map<std::string, std::string> types;
  std::map<std::string, LabelValues> labels;
  std::istringstream lines(text);
  const std::regex type_line("# TYPE (\\S+) (\\S+)");
  const std::regex sample("(\\w+?)(_bucket|_sum|_count)?(\\{(.*)\\})? \\S+");
  const std::regex label("(\\w+)=\"([^\"]*)\"");
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (std::regex_match(line, match, type_line)) types[match[1]] = match[2];
    if (line.starts_with('#') || !std::regex_match(line, match, sample)) continue;
    const std::string name = match[1];
    const std::string inner = match[4];
    labels[name];
    for (auto it = std::sregex_iterator(inner.begin(), inner.end(), label);
         it != std::sregex_iterator(); ++it) {
      const std::string key = (*it)[1];
      // A partition has one reason at a time, so a sample does not show all of them.
      const bool is_open = key == "topic" || key == "partition" || key == "version" ||
                           key == "commit" || name == "usage_ingest_partition_stuck";
      if (key != "le") labels[name][key].insert(is_open ? "*" : (*it)[2].str());
    }
  }
  std::ostringstream out;
  for (const auto& [name, by_key] : labels) {
    out << name << ' ' << types[name] << LabelsText(by_key) << '\n';
  }
  return out.str();
}

// "reason: memory, postgres" or "topic, partition".
std::string DocsLabels(const telemetry::MetricDefinition& metric) {
  std::string text;
  for (const telemetry::MetricLabel& label : metric.labels) {
    text += (text.empty() ? "" : ", ") + label.name;
    for (const std::string_view value : label.values) {
      text += value == label.values.front() ? ": " : ", ";
      text += value;
    }
  }
  return text;
}

std::string DocsTable() {
  std::string table = "| metric | type | labels | meaning |\n|---|---|---|---|\n";
  for (const telemetry::MetricDefinition& metric : Scrape().definitions) {
    table += "| `" + metric.name + "` | " + std::string(Name(metric.type)) + " | " +
             DocsLabels(metric) + " | " + metric.help + " |\n";
  }
  return table;
}

TEST(MetricsGoldenTest, NamesTypesAndLabelsAreFrozen) {
  const std::string exposed = Exposed(Scrape().text);
  if (Updating()) std::ofstream(kGoldenFile) << exposed;
  EXPECT_EQ(exposed, ReadFile(kGoldenFile));
}

TEST(MetricsGoldenTest, EveryMetricHasASampleWithTheLabelsOfItsDefinition) {
  const Scrape scrape;
  std::set<std::string> lines;
  for (const telemetry::MetricDefinition& metric : scrape.definitions) {
    LabelValues labels;
    for (const auto& [label, values] : metric.labels) {
      labels[label] = std::set<std::string>(values.begin(), values.end());
      if (values.empty()) labels[label] = {"*"};
    }
    lines.insert(metric.name + ' ' + std::string(Name(metric.type)) + LabelsText(labels) + '\n');
  }
  std::string defined;
  for (const std::string& line : lines) defined += line;
  EXPECT_EQ(Exposed(scrape.text), defined);
}

TEST(MetricsGoldenTest, TheTableInTheDocsIsTheCatalogue) {
  std::string manual = ReadFile(kDocsFile);
  const std::size_t begin = manual.find(kTableBegin);
  const std::size_t end = manual.find(kTableEnd);
  ASSERT_NE(begin, std::string::npos) << kDocsFile;
  ASSERT_NE(end, std::string::npos) << kDocsFile;
  const std::size_t table = begin + kTableBegin.size();
  if (Updating()) {
    manual.replace(table, end - table, DocsTable());
    std::ofstream(kDocsFile) << manual;
    return;
  }
  EXPECT_EQ(manual.substr(table, end - table), DocsTable());
}

TEST(MetricsGoldenTest, PromtoolFindsNoProblem) {
  const std::string path = ::testing::TempDir() + "/usage-ingest-metrics.txt";
  const std::string output = path + ".out";
  std::ofstream(path) << Scrape().text;
  // promtool is Debian's package prometheus (tools/packages.txt).
  const std::string command = "promtool check metrics <" + path + " >" + output + " 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << ReadFile(output);
  EXPECT_EQ(ReadFile(output), "");
}

// docs/metrics.md, "Log lines": programs read these fields.
TEST(LogLineTest, DocsNameEveryField) {
  const spdlog::details::log_msg message({}, "usage-ingestd", spdlog::level::warn, "text");
  spdlog::memory_buf_t out;
  telemetry::MakeJsonLogFormatter()->format(message, out);
  const std::string line(out.data(), out.size());
  const std::string docs = ReadFile(kDocsFile);
  const std::string section = docs.substr(docs.find("## Log lines"));
  std::set<std::string> logged;
  std::set<std::string> documented;
  const std::regex field("\"([a-z]+)\":");
  const std::regex row(R"(\n\| `([a-z]+)` \|)");
  for (std::sregex_iterator at(line.begin(), line.end(), field), end; at != end; ++at) {
    logged.insert((*at)[1]);
  }
  for (std::sregex_iterator at(section.begin(), section.end(), row), end; at != end; ++at) {
    documented.insert((*at)[1]);
  }
  EXPECT_EQ(logged.size(), 4U);
  EXPECT_EQ(documented, logged);
}

}  // namespace
}  // namespace usage_ingest
