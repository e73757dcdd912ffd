#include "ingest/kafka/consumer/changed_logs.h"

#include <gtest/gtest.h>

namespace usage_ingest::kafka::consumer {
namespace {

const TopicPartition kFirst{"t", PartitionId{0}};
const TopicPartition kSecond{"t", PartitionId{1}};

TEST(ChangedLogsTest, HoldsForThePartitionAndTheOffsetThatWereCompared) {
  ChangedLogs logs;
  logs.Mark(&kFirst, Offset{10});
  EXPECT_TRUE(logs.Contains(&kFirst, Offset{10}));
  EXPECT_FALSE(logs.Contains(&kSecond, Offset{10}));
}

TEST(ChangedLogsTest, AnOffsetsRowThatMovedMakesTheFindingOutOfDate) {
  ChangedLogs logs;
  logs.Mark(&kFirst, Offset{10});
  EXPECT_FALSE(logs.Contains(&kFirst, Offset{11}));
  EXPECT_FALSE(logs.Contains(&kFirst, Offset{9}));
}

TEST(ChangedLogsTest, IsEmptyAfterClear) {
  ChangedLogs logs;
  logs.Mark(&kFirst, Offset{10});
  logs.Clear();
  EXPECT_FALSE(logs.Contains(&kFirst, Offset{10}));
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
