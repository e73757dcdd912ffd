#include "ingest/event/decimal.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace usage_ingest::event {
namespace {

std::int64_t Scaled(std::string_view text, int places) {
  const auto number = Decimal::Parse(text);
  EXPECT_TRUE(number) << text;
  return number ? number->Scaled(places) : 0;
}

std::string Plain(std::string_view text) {
  std::array<char, Decimal::kPlainBytesMax> out;
  const auto number = Decimal::Parse(text);
  EXPECT_TRUE(number) << text;
  return number ? std::string(out.data(), number->WritePlain(out.data())) : "";
}

TEST(DecimalTest, ReadsWhatProgramsWrite) {
  for (const char* text : {"0", "-0", "1", "12.50", "1e3", "1E+3", "1.5e-7", "+5", ".5", "5.",
                           "007", "0.0", "1e999999999999999999999", "-.5e1"}) {
    EXPECT_TRUE(Decimal::Parse(text)) << text;
  }
  for (const char* text :
       {"",    "-",  "+",  ".",   "e5",  "1e",  "1e+", "1e-",   "1.2.3", "0x10", "1_0",
        "1,5", " 1", "1 ", "--1", "+-1", "NaN", "inf", "1e5.0", "1e5x",  "-.e1"}) {
    EXPECT_FALSE(Decimal::Parse(text)) << text;
  }
}

TEST(DecimalTest, RoundsHalfAwayFromZero) {
  EXPECT_EQ(Scaled("0.0000005", 6), 1);
  EXPECT_EQ(Scaled("0.00000049999999999999999999999999", 6), 0);
  EXPECT_EQ(Scaled("-0.0000005", 6), -1);
  EXPECT_EQ(Scaled("2.5", 0), 3);
  EXPECT_EQ(Scaled("0.5", 0), 1);
  EXPECT_EQ(Scaled("0.05", 0), 0);
  EXPECT_EQ(Scaled("9.9999995", 6), 10'000'000);
  EXPECT_EQ(Scaled("3.5000000000000004e-05", 6), 35);
}

// Through a double, 1.0000005 is 1.00000049999999991773: a millionth less.
TEST(DecimalTest, KnowsNoDoubles) {
  EXPECT_EQ(Scaled("1.0000005", 6), 1'000'001);
  EXPECT_EQ(Scaled("1795365287.7219715", 6), 1'795'365'287'721'972);
  EXPECT_EQ(Scaled("123456789012345678", 0), 123'456'789'012'345'678);
}

TEST(DecimalTest, CutsWhatIsFarTooLarge) {
  EXPECT_EQ(Scaled("1e18", 0), Decimal::kSaturated);
  EXPECT_EQ(Scaled("-1e999999999", 6), -Decimal::kSaturated);
  EXPECT_EQ(Scaled("999999999999999999", 0), 999'999'999'999'999'999);
  EXPECT_EQ(Scaled("1e-999999999", 6), 0);
  EXPECT_EQ(Scaled("0e999999999", 6), 0);
  EXPECT_EQ(Scaled("1" + std::string(400, '0'), 0), Decimal::kSaturated);
  EXPECT_EQ(Scaled("1" + std::string(400, '0') + "e-400", 0), 1);
  EXPECT_EQ(Scaled("0." + std::string(400, '0') + "1e401", 0), 1);
  EXPECT_EQ(Scaled("12345678901234567890123e-22", 6), 1'234'568);
}

TEST(DecimalTest, KnowsWholeNumbers) {
  for (const char* text :
       {"12", "12.0", "1.2e1", "0", "0.0", "-3", "1e30", "120e-1", "0e-5",
        "12345678901234567890123456789", "1.5e999999999", "12345678901234567890123456789.0"}) {
    EXPECT_TRUE(Decimal::Parse(text)->is_whole()) << text;
  }
  for (const char* text : {"12.5", "1.25e1", "1e-1", "0.1", "1e-30", "123e-1", "1e-999999999",
                           "12345678901234567890123456789.1", "0.00000000000000000000000001"}) {
    EXPECT_FALSE(Decimal::Parse(text)->is_whole()) << text;
  }
}

TEST(DecimalTest, WritesPlainNotation) {
  EXPECT_EQ(Plain("2e-7"), "0.0000002");
  EXPECT_EQ(Plain("13000.0"), "13000");
  EXPECT_EQ(Plain("-12.50"), "-12.5");
  EXPECT_EQ(Plain("3.5000000000000004e-05"), "0.000035");  // 21 decimals: the last is rounded away
  EXPECT_EQ(Plain("3.5000000000000006e-05"), "0.00003500000000000001");
  EXPECT_EQ(Plain("1234.12345678901234567891"), "1234.12345678901234567891");
  EXPECT_EQ(Plain("0.99999999999999999999999"), "1");
  EXPECT_EQ(Plain("9999.999999999999999999999"), "10000");
  EXPECT_EQ(Plain("1e-20"), "0.00000000000000000001");
  EXPECT_EQ(Plain("5e-21"), "0.00000000000000000001");
  EXPECT_EQ(Plain("4.9e-21"), "");
  EXPECT_EQ(Plain("1e-16000"), "");
  EXPECT_EQ(Plain("-4e-21"), "");
  EXPECT_EQ(Plain("0.000"), "");
  EXPECT_EQ(Plain("-0"), "");
}

}  // namespace
}  // namespace usage_ingest::event
