#include "daemon/text/csv.h"

#include <gtest/gtest.h>

namespace usage_ingest::text {
namespace {

std::string Cell(std::string_view text) { return CsvLine().Text(text).Take(); }

TEST(CsvTest, QuotesWhatWouldEndACell) {
  EXPECT_EQ(Cell("plain"), "plain\r\n");
  EXPECT_EQ(Cell("a,b"), "\"a,b\"\r\n");
  EXPECT_EQ(Cell("a \"b\""), "\"a \"\"b\"\"\"\r\n");
  EXPECT_EQ(Cell("two\nlines"), "\"two\nlines\"\r\n");
  EXPECT_EQ(Cell("two\rlines"), "\"two\rlines\"\r\n");
}

TEST(CsvTest, NoNameIsAFormula) {
  EXPECT_EQ(Cell("=HYPERLINK(\"http://x\")"), "\"'=HYPERLINK(\"\"http://x\"\")\"\r\n");
  EXPECT_EQ(Cell("+1"), "'+1\r\n");
  EXPECT_EQ(Cell("-1"), "'-1\r\n");
  EXPECT_EQ(Cell("@SUM(A1)"), "'@SUM(A1)\r\n");
  EXPECT_EQ(Cell("\t=1"), "'\t=1\r\n");
  EXPECT_EQ(Cell("\r=1"), "\"'\r=1\"\r\n");
  EXPECT_EQ(Cell("a=1"), "a=1\r\n");
}

TEST(CsvTest, NumbersStayNumbers) {
  CsvLine line;
  line.Text("total").Number("-12").Number("0.000001").Text("");
  EXPECT_EQ(line.Take(), "total,-12,0.000001,\r\n");
  EXPECT_EQ(line.Text("next").Take(), "next\r\n");
}

}  // namespace
}  // namespace usage_ingest::text
