#include "daemon/text/units.h"

#include <gtest/gtest.h>

namespace usage_ingest::text {
namespace {

using namespace std::chrono_literals;

TEST(UnitsTest, ANumberIsTheWholeText) {
  EXPECT_EQ(ParseNumber<std::int64_t>("-7"), -7);
  EXPECT_EQ(ParseNumber<std::uint16_t>("65535"), 65535);
  for (const auto* bad : {"", "7 ", " 7", "7x", "+7", "65536", "-1"}) {
    EXPECT_EQ(ParseNumber<std::uint16_t>(bad), std::nullopt) << bad;
  }
}

TEST(UnitsTest, ReadsDurations) {
  EXPECT_EQ(ParseDuration("250ms"), 250ms);
  EXPECT_EQ(ParseDuration("60 s"), 60s);
  EXPECT_EQ(ParseDuration("5m"), 5min);
  EXPECT_EQ(ParseDuration("2h"), 2h);
  EXPECT_EQ(ParseDuration("7d"), std::chrono::days(7));
  EXPECT_EQ(ParseDuration("0"), 0ms);
  for (const auto* bad : {"", "5", "ms", "5 w", "1.5s", "-1s", "+1s", "5sec", "99999999999999d"}) {
    EXPECT_EQ(ParseDuration(bad), std::nullopt) << bad;
  }
}

TEST(UnitsTest, ReadsSizes) {
  EXPECT_EQ(ParseSize("32MiB"), 32u << 20);
  EXPECT_EQ(ParseSize("1 KiB"), 1024u);
  EXPECT_EQ(ParseSize("7B"), 7u);
  EXPECT_EQ(ParseSize("7"), 7u);
  for (const auto* bad : {"", "MiB", "1MB", "1M", "-1", "0x10", "9999999999TiB"}) {
    EXPECT_EQ(ParseSize(bad), std::nullopt) << bad;
  }
}

TEST(UnitsTest, WritesTheLargestExactUnit) {
  EXPECT_EQ(FormatDuration(std::chrono::days(7)), "7d");
  EXPECT_EQ(FormatDuration(90s), "90s");
  EXPECT_EQ(FormatDuration(1500ms), "1500ms");
  EXPECT_EQ(FormatDuration(0ms), "0ms");
  EXPECT_EQ(FormatSize(32u << 20), "32MiB");
  EXPECT_EQ(FormatSize(1536), "1536B");
}

TEST(UnitsTest, ReadsTimesOfEveryShapePeopleWrite) {
  constexpr std::int64_t kSixPm = 1'795'370'400'000'000;  // date -u -d '2026-11-22 18:00' +%s
  for (const auto* text :
       {"2026-11-22T18:00:00Z", "2026-11-22 18:00", "2026-11-22T18:00:00.000", "2026-11-22T18:00z",
        "2026-11-22T20:00:00+02:00", "2026-11-22T20:00:00+02", "2026-11-22T12:30-0530"}) {
    EXPECT_EQ(ParseIsoTime(text), EventTimeUs{kSixPm}) << text;
  }
  EXPECT_EQ(ParseIsoTime("2026-11-22T18:00:00.123456"), EventTimeUs{kSixPm + 123'456});
  EXPECT_EQ(ParseIsoTime("2026-11-22T18:00:00.5Z"), EventTimeUs{kSixPm + 500'000});
  EXPECT_EQ(ParseIsoTime("2026-11-22"), EventTimeUs{kSixPm - std::int64_t{18} * 3'600'000'000});
  EXPECT_EQ(ParseIsoTime("1970-01-01T00:00:00Z"), EventTimeUs{0});
}

TEST(UnitsTest, RefusesWhatIsNoTime) {
  for (const auto* bad :
       {"", "yesterday", "2026", "2026-13-01", "2026-02-30", "2026-11-22T", "2026-11-22T25:00",
        "2026-11-22T18:60", "2026-11-22T18:00:00.", "2026-11-22T18:00:00.1234567",
        "2026-11-22T18:00+", "2026-11-22T18:00+25:00", "2026-11-22T18:00Zx", "20261122"}) {
    EXPECT_EQ(ParseIsoTime(bad), std::nullopt) << bad;
  }
}

TEST(UnitsTest, TimesRoundTrip) {
  for (const auto* text :
       {"2026-11-22T18:00:00Z", "1999-12-31T23:59:59.250Z", "1999-12-31T23:59:59.000001Z"}) {
    const auto time = ParseIsoTime(text);
    ASSERT_TRUE(time.has_value());
    EXPECT_EQ(FormatIsoTime(*time), text);
  }
}

}  // namespace
}  // namespace usage_ingest::text
