// The names that alerts and dashboards stand on: changing one must be a decision.
// USAGE_INGEST_UPDATE_GOLDEN=1 rewrites metrics.txt and the table in docs/metrics.md.
#include "daemon/telemetry/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "daemon/telemetry/metrics_catalogue.h"
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

// Everything that can be reported, reported once, so that every metric has a sample.
std::string RenderAll() {
  telemetry::LagTracker lag(telemetry::SystemClockMs);
  const std::function<std::size_t()> none = [] { return std::size_t{0}; };
  telemetry::Metrics metrics({.version = "1", .commit = "c"}, {none, none, 1, &lag});
  const telemetry::SampleBatch batch;
  metrics.BatchCommitted(0, batch.report);
  lag.Report(telemetry::kUsage0, {});
  return metrics.Render();
}

// "name type label=value,value" as a scrape shows it; a label with open values has none.
std::string Exposed(const std::string& text) {
  std::map<std::string, std::string> types;
  std::map<std::string, std::map<std::string, std::set<std::string>>> labels;
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
      const bool is_open =
          key == "topic" || key == "partition" || key == "version" || key == "commit";
      if (key != "le") labels[name][key].insert(is_open ? "*" : (*it)[2].str());
    }
  }
  std::ostringstream out;
  for (const auto& [name, by_key] : labels) {
    out << name << ' ' << types[name];
    for (const auto& [key, values] : by_key) {
      out << ' ' << key << '=';
      for (const auto& value : values) out << (value == *values.begin() ? "" : "|") << value;
    }
    out << '\n';
  }
  return out.str();
}

std::string DocsTable() {
  std::string table = "| metric | type | labels | meaning |\n|---|---|---|---|\n";
  for (const telemetry::MetricSpec& spec : telemetry::MetricCatalogue()) {
    std::string labels(spec.labels);
    labels = std::regex_replace(labels, std::regex("\\|"), ", ");
    labels = std::regex_replace(labels, std::regex("="), ": ");
    labels = std::regex_replace(labels, std::regex("(\\w),(\\w)"), "$1, $2");
    table += "| `" + std::string(spec.name) + "` | " + std::string(telemetry::TypeName(spec.type)) +
             " | " + labels + " | " + std::string(spec.help) + " |\n";
  }
  return table;
}

TEST(MetricsGoldenTest, NamesTypesAndLabelsAreFrozen) {
  const std::string exposed = Exposed(RenderAll());
  if (Updating()) std::ofstream(kGoldenFile) << exposed;
  EXPECT_EQ(exposed, ReadFile(kGoldenFile));
}

// "k=b|a,l" of the catalogue as Exposed() writes it: " k=a|b l=*".
std::string CatalogueLabels(const telemetry::MetricSpec& spec) {
  std::map<std::string, std::set<std::string>> labels;
  std::istringstream parts{std::string(spec.labels)};
  for (std::string part; std::getline(parts, part, ',');) {
    const std::size_t equals = part.find('=');
    auto& values = labels[part.substr(0, equals)];
    std::istringstream names(equals == std::string::npos ? "*" : part.substr(equals + 1));
    for (std::string name; std::getline(names, name, '|');) values.insert(name);
  }
  std::string text;
  for (const auto& [key, values] : labels) {
    text += ' ' + key + '=';
    for (const auto& value : values) text += (value == *values.begin() ? "" : "|") + value;
  }
  return text;
}

TEST(MetricsGoldenTest, WhatIsExposedIsWhatTheCatalogueSays) {
  std::set<std::string> lines;
  for (const telemetry::MetricSpec& spec : telemetry::MetricCatalogue()) {
    lines.insert(std::string(spec.name) + ' ' + std::string(telemetry::TypeName(spec.type)) +
                 CatalogueLabels(spec) + '\n');
  }
  std::string catalogue;
  for (const std::string& line : lines) catalogue += line;
  EXPECT_EQ(Exposed(RenderAll()), catalogue);
}

TEST(MetricsGoldenTest, TheManualsTableIsTheCatalogue) {
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

TEST(MetricsGoldenTest, PromtoolFindsNothingToSay) {
  const std::string path = ::testing::TempDir() + "/usage-ingest-metrics.txt";
  const std::string output = path + ".out";
  std::ofstream(path) << RenderAll();
  // promtool is Debian's package prometheus (tools/packages.txt).
  const std::string command = "promtool check metrics <" + path + " >" + output + " 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << ReadFile(output);
  EXPECT_EQ(ReadFile(output), "");
}

}  // namespace
}  // namespace usage_ingest
