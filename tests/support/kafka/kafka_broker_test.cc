#include "tests/support/kafka/kafka_broker.h"

#include <gtest/gtest.h>

#include "tests/support/kafka/producer.h"

namespace usage_ingest::support {
namespace {

TEST(KafkaBrokerTest, KeepsItsRecordsThroughAKillAndCountsThem) {
  KafkaBroker kafka({.own = true});
  kafka.CreateTopic("t", 2);
  Producer producer(kafka.brokers());
  for (int i = 0; i < 100; ++i) producer.Produce({.topic = "t", .partition = i % 2, .value = "x"});
  producer.Flush();
  EXPECT_EQ(producer.delivered().at({"t", 1}), 50);
  kafka.Kill();
  kafka.Start();
  EXPECT_EQ(kafka.admin().EndOffset("t", 0), 50);
  EXPECT_EQ(kafka.admin().Committed("unknown", "t", 0), std::nullopt);
}

TEST(KafkaBrokerTest, AddsPartitionsDeletesRecordsAndTopics) {
  KafkaBroker kafka;
  kafka.CreateTopic("t", 1);
  Producer producer(kafka.brokers());
  for (int i = 0; i < 10; ++i) producer.Produce({.topic = "t", .partition = 0, .value = "x"});
  producer.Flush();
  kafka.admin().DeleteRecordsBelow("t", 0, 4);
  EXPECT_EQ(kafka.admin().FirstOffset("t", 0), 4);
  kafka.admin().SetPartitions("t", 3);
  EXPECT_EQ(kafka.admin().PartitionCount("t"), 3);
  kafka.DeleteTopic("t");
  EXPECT_EQ(kafka.admin().PartitionCount("t"), 0);
}

TEST(KafkaBrokerTest, ThreeNodesMoveLeadershipWhenOneDies) {
  KafkaBroker kafka({.nodes = 3});
  kafka.CreateTopic("t", 1);
  kafka.KillLeader("t", 0);
  Producer producer(kafka.brokers());
  producer.Produce({.topic = "t", .partition = 0, .value = "x"});
  producer.Flush();
  EXPECT_EQ(kafka.admin().EndOffset("t", 0), 1);
}

}  // namespace
}  // namespace usage_ingest::support
