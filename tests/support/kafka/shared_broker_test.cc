#include "tests/support/kafka/shared_broker.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/child_process.h"
#include "tests/support/kafka/kafka_broker.h"
#include "tests/support/kafka/producer.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

KafkaHandle Join(const std::string& brokers) {
  KafkaHandle consumer = MakeKafkaHandle(
      RD_KAFKA_CONSUMER,
      {{"bootstrap.servers", brokers}, {"group.id", "g"}, {"session.timeout.ms", "1500"}});
  const PartitionList topics(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(topics.get(), "t", RD_KAFKA_PARTITION_UA);
  CheckKafka(rd_kafka_subscribe(consumer.get(), topics.get()), "subscribe");
  EXPECT_TRUE(WaitUntil(After(30s), [&] {
    rd_kafka_topic_partition_list_t* assigned = nullptr;
    rd_kafka_message_t* message = rd_kafka_consumer_poll(consumer.get(), 100);
    if (message != nullptr) rd_kafka_message_destroy(message);
    CheckKafka(rd_kafka_assignment(consumer.get(), &assigned), "assignment");
    const PartitionList owned(assigned);
    return owned->cnt > 0;
  }));
  return consumer;
}

// Topic "t" with a record, and an offset that group "g" has committed.
void Use(KafkaBroker& kafka) {
  kafka.CreateTopic("t", 1);
  Producer producer(kafka.brokers());
  producer.Produce({.topic = "t", .partition = 0, .value = "x"});
  producer.Flush();
  const KafkaHandle consumer = Join(kafka.brokers());
  const PartitionList offsets(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_list_add(offsets.get(), "t", 0)->offset = 1;
  CheckKafka(rd_kafka_commit(consumer.get(), offsets.get(), /*async=*/0), "commit");
  CheckKafka(rd_kafka_consumer_close(consumer.get()), "close");
}

TEST(SharedBrokerTest, TheNextTestFindsItEmpty) {
  std::string brokers;
  {
    KafkaBroker first;
    brokers = first.brokers();
    Use(first);
  }
  // Other tests may have taken it by now.
  KafkaBroker next;
  EXPECT_EQ(next.admin().PartitionCount("t"), 0);
  next.CreateTopic("t", 1);
  EXPECT_EQ(next.admin().EndOffset("t", 0), 0);
  EXPECT_EQ(next.admin().Committed("g", "t", 0), std::nullopt);
}

TEST(SharedBrokerTest, TwoTestsNeverHaveTheSame) {
  const SharedBroker one;
  const SharedBroker other;
  EXPECT_NE(one.port(), other.port());
  EXPECT_NE(one.directory(), other.directory());
}

TEST(SharedBrokerTest, OneWithAGroupThatHasMembersIsLeftAlone) {
  std::optional<KafkaBroker> first(std::in_place);
  const std::string brokers = first->brokers();
  first->CreateTopic("t", 1);
  const KafkaHandle member = Join(brokers);
  first.reset();
  const KafkaBroker next;
  EXPECT_NE(next.brokers(), brokers);
  CheckKafka(rd_kafka_consumer_close(member.get()), "close");
}

TEST(SharedBrokerTest, WhatWouldHarmTheNextTestIsRefused) {
  KafkaBroker kafka;
  EXPECT_THROW(kafka.Kill(), std::logic_error);
  EXPECT_THROW(kafka.Stop(), std::logic_error);
  EXPECT_THROW(kafka.Signal(1, SIGSTOP), std::logic_error);
}

}  // namespace
}  // namespace usage_ingest::support
