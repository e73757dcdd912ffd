#include "ingest/kafka/consumer/new_logs.h"

#include <gtest/gtest.h>

namespace usage_ingest::kafka::consumer {
namespace {

const TopicPartition kFirst{"t", PartitionId{0}};
const TopicPartition kSecond{"t", PartitionId{1}};

TEST(NewLogsTest, HoldsForThePartitionAndTheOffsetThatWereCompared) {
  NewLogs logs;
  logs.Mark(&kFirst, Offset{10});
  EXPECT_TRUE(logs.Contains(&kFirst, Offset{10}));
  EXPECT_FALSE(logs.Contains(&kSecond, Offset{10}));
}

TEST(NewLogsTest, AnOffsetsRowThatMovedMakesTheFindingOutOfDate) {
  NewLogs logs;
  logs.Mark(&kFirst, Offset{10});
  EXPECT_FALSE(logs.Contains(&kFirst, Offset{11}));
  EXPECT_FALSE(logs.Contains(&kFirst, Offset{9}));
}

TEST(NewLogsTest, IsEmptyAfterClear) {
  NewLogs logs;
  logs.Mark(&kFirst, Offset{10});
  logs.Clear();
  EXPECT_FALSE(logs.Contains(&kFirst, Offset{10}));
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
