#include "tests/support/pipeline/alert_history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kStuck[] =
    "# HELP usage_ingest_ready text\n"
    "# TYPE usage_ingest_ready gauge\n"
    "usage_ingest_ready 1\n"
    "usage_ingest_lag_records{partition=\"0\",topic=\"t\"} NaN\n"
    "usage_ingest_partition_stuck{partition=\"0\",topic=\"t\",reason=\"corrupt_batch\"} 1\n";
constexpr char kRead[] = "usage_ingest_ready 1\n";

TEST(AlertHistoryTest, AnAlertFiresAfterTheMinutesOfItsRule) {
  AlertHistory history;
  history.Add(kRead, 10min);
  history.Add(std::nullopt, 10min);
  EXPECT_THAT(history.FiringAt(9min), IsEmpty());
  EXPECT_THAT(history.FiringAt(14min), IsEmpty());
  EXPECT_THAT(history.FiringAt(16min), ElementsAre("UsageIngestDown"));
}

TEST(AlertHistoryTest, ASeriesThatVanishesEndsItsAlertAtOnce) {
  AlertHistory history;
  history.Add(kStuck, 4min);
  history.Add(kRead, 4min);
  history.Add(kStuck, 4min);
  EXPECT_THAT(history.FiringAt(3min), ElementsAre("UsageIngestPartitionStuck"));
  EXPECT_THAT(history.FiringAt(4min), IsEmpty());
  EXPECT_THAT(history.FiringAt(9min), IsEmpty());
  EXPECT_THAT(history.FiringAt(11min), Contains("UsageIngestPartitionStuck"));
}

TEST(AlertHistoryTest, WhatPromtoolDoesNotAcceptIsAnError) {
  AlertHistory history;
  history.Add("usage_ingest_ready one\n", 2min);
  EXPECT_THROW(static_cast<void>(history.FiringAt(1min)), std::runtime_error);
  EXPECT_THROW(history.Add("usage_ingest_ready", 1min), std::runtime_error);
  EXPECT_THROW(static_cast<void>(history.FiringAt(2min)), std::logic_error);
}

}  // namespace
}  // namespace usage_ingest::support
