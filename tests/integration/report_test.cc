// `report`: what it prints is the history, to the last token and the last millionth.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <sstream>

#include "tests/support/pipeline/captured_events.h"
#include "tests/support/pipeline/pipeline_fixture.h"

namespace usage_ingest::support {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Words = std::vector<std::string>;
using Cells = std::vector<std::string>;

const std::filesystem::path kSources = USAGE_INGEST_SOURCE_DIR;
constexpr int kSums = 9;
constexpr const char* kSumsOfNovember =
    "SELECT sum(requests), sum(errors), sum(input_tokens), sum(output_tokens), sum(cached_tokens), "
    "sum(reasoning_tokens), sum(cost), sum(latency_ms_sum), sum(latency_count) FROM "
    "usage_ingest.usage_daily WHERE day BETWEEN '2026-11-01' AND '2026-11-30'";

// RFC 4180.
std::vector<Cells> ParseCsv(const std::string& text) {
  std::vector<Cells> lines(1, Cells(1));
  bool is_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') {
      if (is_quoted && text.substr(i + 1, 1) == "\"") {
        lines.back().back() += text[++i];
      } else {
        is_quoted = !is_quoted;
      }
    } else if (!is_quoted && text[i] == ',') {
      lines.back().emplace_back();
    } else if (!is_quoted && text.substr(i, 2) == "\r\n") {
      lines.emplace_back(1);
      ++i;
    } else {
      lines.back().back() += text[i];
    }
  }
  EXPECT_EQ(lines.back(), Cells(1)) << "the last line has no end";
  lines.pop_back();
  return lines;
}

std::string LineFrom(const std::string& text, const std::string& begin) {
  const std::size_t at = text.find(begin);
  if (at == std::string::npos) return "";
  return text.substr(at, text.find('\n', at) - at);
}

// The words of a line of a table.
Cells WordsOf(const std::string& line) {
  std::istringstream words(line);
  return {std::istream_iterator<std::string>(words), {}};
}

class ReportTest : public PipelineTest {
 protected:
  [[nodiscard]] std::string Report(Words words) const {
    words.insert(words.begin(), "report");
    const DaemonProcess program(DaemonDefaults());
    const CommandResult result = program.Run(words);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    return result.output;
  }
  // LiteLLM's captured events, through Kafka and the daemon.
  void IngestCaptured() {
    SeedCaptured(database_);
    RememberTotals();
    Producer producer(kafka_.brokers());
    for (const CapturedEvent& event : CapturedEvents()) {
      producer.Produce({.topic = kTopic,
                        .key = event.key,
                        .value = event.value,
                        .timestamp_ms = event.timestamp_ms});
    }
    producer.Flush();
    DaemonProcess daemon(DaemonDefaults());
    daemon.StartAndWait();
    ExpectTotalsMatch({.records = producer.delivered()});
  }
  // As the database adds them up.
  Cells Sums(const std::string& sql) {
    Cells sums;
    const std::vector<Row> rows = database_.Query(sql);
    for (const auto& value : rows.at(0)) sums.push_back(value.value_or(""));
    return sums;
  }
  // Sums of the columns of a CSV report, added up by the database.
  Cells SumsOfCsv(const std::string& csv) {
    const std::vector<Cells> lines = ParseCsv(csv);
    std::string values;
    for (std::size_t i = 1; i < lines.size(); ++i) {
      values += values.empty() ? "(" : ", (";
      for (std::size_t c = lines[i].size() - kSums; c < lines[i].size(); ++c) {
        values += (values.back() == '(' ? "" : ", ") + lines[i][c];
      }
      values += ")";
    }
    return Sums(
        "SELECT sum(a), sum(b), sum(c), sum(d), sum(e), sum(f), sum(g), sum(h), sum(i) "
        "FROM (VALUES " +
        values + ") AS v(a, b, c, d, e, f, g, h, i)");
  }
  static void ExpectInManual(const std::string& sample) {
    const std::string manual = ReadFile(kSources / "docs" / "litemaas.md");
    EXPECT_THAT(manual, HasSubstr("```text\n" + sample + "```")) << sample;
  }
  // A history without usage_logs, of one day.
  void AddDay(const std::string& username, const std::string& key_alias) {
    database_.Execute(
        "INSERT INTO usage_ingest.usage_daily VALUES ('2026-11-22', gen_random_uuid(), "
        "gen_random_uuid(), '00000000-0000-0000-0000-000000000000', 'm', gen_random_uuid(), $1, "
        "NULL, NULL, $2, 'hash', 'M', 'p', 1, 0, 2, 3, 0, 0, 0, 0, 0.000001)",
        {username, key_alias});
  }
};

TEST_F(ReportTest, EachReportOfRealEventsAddsUpToTheHistory) {
  IngestCaptured();
  const Cells sums = Sums(kSumsOfNovember);
  ASSERT_GT(std::stoll(sums.at(0)), 50);
  ASSERT_GT(std::stoll(sums.at(4)), 0) << "cached tokens";
  const auto expect_same = [&] {
    for (const char* by : {"user", "team", "key", "model", "provider"}) {
      for (const char* per : {"day", "month"}) {
        const Words words = {"--by", by, "--per", per, "--month", "2026-11"};
        const auto in = [&](const char* format) {
          Words all = words;
          all.insert(all.end(), {"--format", format});
          return Report(all);
        };
        EXPECT_EQ(SumsOfCsv(in("csv")), sums) << by << per;
        Cells total = WordsOf(LineFrom(in("table"), "total"));
        ASSERT_FALSE(total.empty());
        total.erase(total.begin());
        EXPECT_EQ(total, Cells(sums.begin(), sums.end() - 2)) << "no latencies " << by << per;
        EXPECT_THAT(
            in("json"),
            HasSubstr(R"("total":{"requests":)" + sums.at(0) + R"(,"errors":)" + sums.at(1) +
                      R"(,"input_tokens":)" + sums.at(2) + R"(,"output_tokens":)" + sums.at(3) +
                      R"(,"cached_tokens":)" + sums.at(4) + R"(,"reasoning_tokens":)" + sums.at(5) +
                      R"(,"cost":")" + sums.at(6) + R"(","latency_ms_sum":)" + sums.at(7) +
                      R"(,"latency_count":)" + sums.at(8) + "}}\n"))
            << by << per;
      }
    }
  };
  expect_same();
  ExpectInManual(Report({"--month", "2026-11"}));
  std::string csv = Report({"--by", "team", "--month", "2026-11", "--format", "csv"});
  std::erase(csv, '\r');
  ExpectInManual(csv);

  const std::string before = Report({"--by", "key", "--month", "2026-11"});
  ConnectAsOwner().Execute("TRUNCATE users CASCADE");
  ASSERT_EQ(RowCount(), 0);
  EXPECT_EQ(Report({"--by", "key", "--month", "2026-11"}), before);
  expect_same();
}

// What LiteMaaS' analytics pages show of the same events.
TEST_F(ReportTest, TheAnalyticsInTheManualAreThoseOfRealEvents) {
  IngestCaptured();
  Database owner = ConnectAsOwner();
  owner.Execute(ReadFile(kSources / "tests" / "data" / "litemaas" / "analytics.sql"));
  owner.Execute("SELECT usage_ingest.fill_daily_usage_cache('2026-11-23')");
  std::string sample;
  for (const char* column : {"total_metrics", "aggregated_by_provider->'anthropic'"}) {
    sample += owner.Value("SELECT " + std::string(column) +
                          " FROM daily_usage_cache WHERE date = '2026-11-22'") +
              "\n";
  }
  ExpectInManual(sample);
}

TEST_F(ReportTest, HostileNamesStayInTheirCells) {
  const std::string formula = "=HYPERLINK(\"http://x\",\"a\")";
  const std::string lines = "two\r\nlines, \"quoted\"";
  AddDay(formula, "@SUM(A1)");
  AddDay(lines, "\x1b[2J");
  const auto csv = ParseCsv(Report({"--by", "key", "--month", "2026-11", "--format", "csv"}));
  ASSERT_EQ(csv.size(), 3U);
  for (const Cells& line : csv) EXPECT_EQ(line.size(), csv[0].size());
  EXPECT_EQ(csv[0][4], "key_alias");
  std::vector<std::pair<std::string, std::string>> names = {{csv[1][4], csv[1][5]},
                                                            {csv[2][4], csv[2][5]}};
  EXPECT_THAT(names, ::testing::UnorderedElementsAre(
                         std::pair<std::string, std::string>("'@SUM(A1)", "'" + formula),
                         std::pair<std::string, std::string>("\x1b[2J", lines)));
  const std::string table = Report({"--by", "key", "--month", "2026-11"});
  EXPECT_EQ(std::ranges::count(table, '\n'), 4);
  EXPECT_THAT(table, Not(HasSubstr("\x1b")));
  EXPECT_THAT(
      Report({"--by", "key", "--month", "2026-11", "--format", "json"}),
      HasSubstr(R"("key_alias":"\u001b[2J","username":"two\u000d\u000alines, \"quoted\"")"));
}

TEST_F(ReportTest, ARangeWithoutUsageIsAnEmptyReport) {
  AddDay("alice", "laptop");
  const Words words = {"--from", "2026-11-01", "--to", "2026-11-22"};
  const auto in = [&](const char* format) {
    Words all = words;
    all.insert(all.end(), {"--format", format});
    return Report(all);
  };
  EXPECT_EQ(in("csv"),
            "month,user_id,username,user_email,requests,errors,input_tokens,output_tokens,"
            "cached_tokens,reasoning_tokens,cost,latency_ms_sum,latency_count\r\n");
  EXPECT_THAT(in("json"), StartsWith(R"({"lines":[],"total":{"requests":0,)"));
  EXPECT_THAT(LineFrom(in("table"), "total"), HasSubstr(" 0.000000"));
  EXPECT_THAT(Report({"--from", "2026-11-22", "--to", "2026-11-23", "--per", "day"}),
              HasSubstr("\n2026-11-22  "));
}

// Of users who use other ways than keys, and of keys that were deleted.
TEST_F(ReportTest, UseWithoutAKeyIsALineForEachUser) {
  AddDay("alice", "laptop");
  AddDay("bob", "laptop");
  database_.Execute(
      "UPDATE usage_ingest.usage_daily SET api_key_id = '00000000-0000-0000-0000-000000000000', "
      "key_alias = NULL, requests = CASE username WHEN 'alice' THEN 7 ELSE 1 END");
  const auto csv = ParseCsv(Report({"--by", "key", "--month", "2026-11", "--format", "csv"}));
  ASSERT_EQ(csv.size(), 3U);
  std::vector<std::pair<std::string, std::string>> lines = {{csv[1][5], csv[1][7]},
                                                            {csv[2][5], csv[2][7]}};
  EXPECT_THAT(lines,
              ::testing::UnorderedElementsAre(std::pair<std::string, std::string>("alice", "7"),
                                              std::pair<std::string, std::string>("bob", "1")));
}

// A line for each id, with the names of its last day.
TEST_F(ReportTest, ARenamedUserIsOneLine) {
  AddDay("before", "laptop");
  database_.Execute(
      "INSERT INTO usage_ingest.usage_daily SELECT day + 1, subscription_id, api_key_id, team_id, "
      "model_id, user_id, 'after', user_email, team_alias, key_alias, key_hash, model_name, "
      "provider, 5, errors, input_tokens, output_tokens, cached_tokens, reasoning_tokens, "
      "latency_ms_sum, latency_count, cost FROM usage_ingest.usage_daily");
  const auto csv = ParseCsv(Report({"--month", "2026-11", "--format", "csv"}));
  ASSERT_EQ(csv.size(), 2U);
  EXPECT_EQ(csv[1][2], "after");
  EXPECT_EQ(csv[1][4], "6");
}

TEST_F(ReportTest, AWrongMonthIsRefusedBeforeAnythingIsAsked) {
  const DaemonProcess program(DaemonDefaults());
  const CommandResult result = program.Run({"report", "--month", "2026-13"});
  EXPECT_EQ(result.exit_code, 64);
  EXPECT_EQ(result.output, "");
  EXPECT_THAT(result.errors, HasSubstr("--month must be a month, not 2026-13"));
}

}  // namespace
}  // namespace usage_ingest::support
