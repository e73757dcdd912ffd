#pragma once
// ConsumerFixture: values of their own go into Kafka, each must come out once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/integration/kafka/consumer_harness.h"
#include "tests/support/kafka/producer.h"
#include "tests/support/wait.h"

namespace usage_ingest::kafka::consumer {

class ConsumerFixture : public ::testing::Test {
 protected:
  static constexpr auto kPatience = std::chrono::seconds(60);

  [[nodiscard]] virtual std::string brokers() const = 0;

  [[nodiscard]] HarnessOptions Options(std::vector<std::string> topics = {"t"}) const {
    HarnessOptions options;
    options.kafka.brokers = brokers();
    options.kafka.topics = std::move(topics);
    options.kafka.group_id = "g";
    return options;
  }
  // `count` values for each of `partitions`, on the broker when it returns.
  void Produce(const std::string& topic, int partitions, int count, std::size_t padding = 0) {
    support::Producer producer(brokers());
    for (int i = 0; i < count; ++i) {
      for (int p = 0; p < partitions; ++p) {
        std::string value = topic + "/" + std::to_string(p) + "/" + std::to_string(next_++);
        value.append(padding, '.');
        producer.Produce({.topic = topic, .partition = p, .value = value});
      }
    }
    producer.Flush();
    produced_ += static_cast<std::size_t>(count * partitions);
  }
  // What was produced until now may be gone: it is not waited for.
  void ForgetProduced() { produced_ = database_.Count(); }
  void ExpectEverythingOnce(const ConsumerHarness& harness) {
    EXPECT_TRUE(Eventually([this] { return database_.Count() >= produced_; }))
        << database_.Count() << " of " << produced_;
    EXPECT_EQ(database_.Count(), produced_);
    EXPECT_THAT(database_.Values(), ::testing::Each(::testing::Pair(::testing::_, 1)));
    EXPECT_THAT(harness.Violations(), ::testing::IsEmpty());
  }
  [[nodiscard]] static bool Eventually(const std::function<bool()>& predicate) {
    return support::WaitUntil(support::After(kPatience), predicate);
  }

  FakeDatabase database_;
  std::size_t produced_ = 0;
  int next_ = 0;
};

}  // namespace usage_ingest::kafka::consumer
