#include "daemon/text/text_table.h"

#include <gtest/gtest.h>

#include <sstream>

namespace usage_ingest::text {
namespace {

TEST(TextTableTest, ColumnsLineUpAlsoWithCharactersOfSeveralBytes) {
  TextTable table(
      {{"name", TextTable::Align::kLeft}, {"count"}, {"note", TextTable::Align::kLeft}});
  table.AddRow({"é", "7", "x"});
  table.AddRow({"longer name", "1,234", ""});
  std::ostringstream out;
  table.Print(out);
  EXPECT_EQ(out.str(),
            "name         count  note\n"
            "é                7  x\n"
            "longer name  1,234\n");
}

TEST(TextTableTest, GroupsDigits) {
  EXPECT_EQ(Grouped(0), "0");
  EXPECT_EQ(Grouped(999), "999");
  EXPECT_EQ(Grouped(1'000), "1,000");
  EXPECT_EQ(Grouped(-1'234'567), "-1,234,567");
}

TEST(TextTableTest, SaysHowLongAsAPersonWould) {
  EXPECT_EQ(Roughly(0.25), "0.2 s");
  EXPECT_EQ(Roughly(300), "5 min");
  EXPECT_EQ(Roughly(10'000), "3 h");
  EXPECT_EQ(Roughly(86'400.0 * 97), "97 days");
}

}  // namespace
}  // namespace usage_ingest::text
