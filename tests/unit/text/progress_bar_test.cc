#include "daemon/text/progress_bar.h"

#include <gtest/gtest.h>

namespace usage_ingest::text {
namespace {

TEST(ProgressLineTest, ShowsShareRateAndTimeLeft) {
  EXPECT_EQ(ProgressLine({.done = 250, .total = 1000, .seconds = 5}, "bytes"),
            "[######..................]  25 %  250 bytes (50/s), 15.0 s left");
  EXPECT_EQ(ProgressLine({.done = 1000, .total = 1000, .seconds = 20}, "bytes"),
            "[########################] 100 %  1,000 bytes (50/s), 0.0 s left");
}

TEST(ProgressLineTest, WhatIsUnknownIsNotShown) {
  EXPECT_EQ(ProgressLine({.done = 250, .total = 0, .seconds = 5}, "bytes"), "250 bytes (50/s)");
  EXPECT_EQ(ProgressLine({.done = 0, .total = 1000, .seconds = 5}, "bytes"),
            "[........................]   0 %  0 bytes (0/s)");
}

}  // namespace
}  // namespace usage_ingest::text
