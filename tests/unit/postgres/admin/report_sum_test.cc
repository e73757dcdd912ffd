#include "ingest/postgres/admin/report_sum.h"

#include <gtest/gtest.h>

namespace usage_ingest::postgres::admin {
namespace {

const ReportSubject kModel = ReportSubjects()[3];  // model_id, model_name, provider

ReportLine Line(const std::string& period, const std::string& id, const std::string& name,
                const std::string& last_day, const std::string& requests, const std::string& cost) {
  ReportLine line{.period = period,
                  .subject = {id, name, "p"},
                  .last_day = last_day,
                  .sums = {requests, "0", "0", "0", "0", "0", cost, "0", "0"}};
  if (period.empty()) line.subject.clear();
  return line;
}

std::vector<ReportLine> Added(const std::vector<ReportLine>& lines) {
  ReportSum sum(kModel);
  for (const ReportLine& line : lines) EXPECT_TRUE(sum.Add(line));
  std::vector<ReportLine> all;
  sum.ForEach([&](const ReportLine& line) { all.push_back(line); });
  return all;
}

TEST(ReportSumTest, CostsAreAddedUpToTheLastMillionth) {
  const auto lines = Added({Line("2026-11", "m", "M", "2026-11-02", "9007199254740993", "0.000001"),
                            Line("2026-11", "m", "M", "2026-11-02", "1", "123456789012.999999")});
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].sums[0], "9007199254740994");
  EXPECT_EQ(lines[0].sums[6], "123456789013.000000");
}

TEST(ReportSumTest, SmallAndNegativeCostsKeepTheirZeros) {
  EXPECT_EQ(Added({Line("", "", "", "", "0", "-0.000002"), Line("", "", "", "", "0", "0.000001")})
                .back()
                .sums[6],
            "-0.000001");
  EXPECT_EQ(Added({}).back().sums[6], "0.000000");
}

TEST(ReportSumTest, ALineHasTheNamesOfItsLastDay) {
  for (const bool is_reversed : {false, true}) {
    std::vector<ReportLine> lines = {Line("2026-11", "m", "before", "2026-11-02", "1", "0.000000"),
                                     Line("2026-11", "m", "after", "2026-11-03", "2", "0.000000")};
    if (is_reversed) std::swap(lines[0], lines[1]);
    const auto added = Added(lines);
    ASSERT_EQ(added.size(), 2U);
    EXPECT_EQ(added[0].subject[1], "after");
    EXPECT_EQ(added[0].sums[0], "3");
  }
}

TEST(ReportSumTest, TheOrderIsThatOfOneDatabase) {
  const auto lines = Added({Line("2026-11", "b", "", "2026-11-01", "1", "0.000000"),
                            Line("", "", "", "", "1", "0.000000"),
                            Line("2026-10", "c", "", "2026-10-01", "1", "0.000000"),
                            Line("2026-11", "", "", "2026-11-01", "1", "0.000000"),
                            Line("", "", "", "", "2", "0.000000")});
  ASSERT_EQ(lines.size(), 4U);
  EXPECT_EQ(lines[0].subject[0], "c");
  EXPECT_EQ(lines[1].subject[0], "");
  EXPECT_EQ(lines[2].subject[0], "b");
  EXPECT_EQ(lines[3].period, "");
  EXPECT_EQ(lines[3].sums[0], "3");
}

TEST(ReportSumTest, ASumThatDoesNotFitIsAnError) {
  ReportSum sum(kModel);
  const ReportLine line = Line("", "", "", "", "9223372036854775807", "0.000000");
  EXPECT_TRUE(sum.Add(line));
  const auto again = sum.Add(line);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().context, "the sum of requests does not fit in 64 bits");
}

}  // namespace
}  // namespace usage_ingest::postgres::admin
