#include "bench/load/python_float.h"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace usage_ingest::load {
namespace {

std::string Float(double value) {
  std::string out;
  AppendPythonFloat(out, value);
  return out;
}

TEST(PythonFloatTest, WritesFloatsAsPythonDoes) {
  // The left column is what CPython 3.11 prints for repr(right).
  const std::vector<std::pair<std::string, double>> cases = {
      {"0.0", 0.0},
      {"1.0", 1.0},
      {"0.0001", 0.0001},
      {"3.5000000000000004e-05", 14 * 2.5e-06},
      {"1e-07", 1e-07},
      {"25762.75", 25762.75},
      {"0.00031", 31 * 1e-05},
      {"1.5366e-08", 1.5366e-08},
      {"1e+16", 1e16},
      {"1234567890123456.0", 1234567890123456.0},
      {"9.999e-05", 9.999e-05},
      {"0.12", 0.12}};
  for (const auto& [text, value] : cases) EXPECT_EQ(Float(value), text);
}

TEST(PythonFloatTest, RoundsTheTextHalfAwayFromZero) {
  const std::vector<std::pair<std::int64_t, double>> cases = {
      {0, 0.0},           {0, 4.9e-07},
      {1, 5e-07},         {1, 1.4e-06},
      {2, 1.5e-06},       {345, 0.000345},
      {8, 7.5e-06},       {7, 7.499999999999999e-06},
      {10'000'000, 10.0}, {25'762'750'000, 25762.75},
      {0, 1e-300}};
  for (const auto& [micros, value] : cases) EXPECT_EQ(MicrosOf(value), micros) << Float(value);
}

TEST(PythonFloatTest, WritesTimesWithoutTrailingZeros) {
  std::string out;
  for (const std::int64_t time : {1795365287721971LL, 1795365287700000LL, 1795365287000000LL}) {
    AppendSeconds(out, time);
    out.push_back(' ');
  }
  EXPECT_EQ(out, "1795365287.721971 1795365287.7 1795365287.0 ");
}

}  // namespace
}  // namespace usage_ingest::load
