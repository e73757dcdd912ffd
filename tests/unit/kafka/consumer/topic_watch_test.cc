#include "ingest/kafka/consumer/topic_watch.h"

#include <gtest/gtest.h>

#include <utility>

namespace usage_ingest::kafka::consumer {
namespace {

using namespace std::chrono_literals;

constexpr TopicWatch::TimePoint kStart{100s};

class FakeLogQueries final : public LogQueries {
 public:
  Result<client::TopicIds> QueryTopicIds(std::span<const std::string> /*topics*/) override {
    return client::TopicIds{};
  }
  Result<FirstOffsets> QueryFirstOffsets(std::span<const std::string> /*topics*/) override {
    return FirstOffsets{};
  }
  Result<std::vector<client::Watermarks>> QueryEnds(
      std::span<const TopicPartition* const> /*partitions*/) override {
    return std::vector<client::Watermarks>{};
  }
  Result<std::vector<client::EpochEnd>> FindEpochEnds(
      std::span<const client::EpochSearch> /*searches*/) override {
    return std::vector<client::EpochEnd>{};
  }
  void RequestTopicIds(std::span<const std::string> topics) override {
    ++requests;
    EXPECT_EQ(topics.size(), 1U);
  }
  std::optional<Result<client::TopicIds>> TakeTopicIds() override {
    return std::exchange(answer, std::nullopt);
  }
  void CancelTopicIds() override { ++cancelled; }

  int requests = 0;
  int cancelled = 0;
  std::optional<Result<client::TopicIds>> answer;
};

class TopicWatchTest : public ::testing::Test {
 protected:
  std::optional<std::string> Answer(const TopicId& id) {
    logs_.answer = client::TopicIds{{"t", id}};
    return watch_.Check(kStart);
  }

  FakeLogQueries logs_;
  TopicWatch watch_{logs_};
};

TEST_F(TopicWatchTest, AsksNothingBeforeItKnowsATopic) {
  EXPECT_FALSE(watch_.Check(kStart));
  EXPECT_EQ(logs_.requests, 0);
}

TEST_F(TopicWatchTest, FindsATopicThatHasAnotherId) {
  EXPECT_FALSE(watch_.Note({{"t", "old"}}));
  EXPECT_FALSE(watch_.Check(kStart));
  ASSERT_EQ(logs_.requests, 1);
  EXPECT_FALSE(Answer("old"));
  EXPECT_FALSE(watch_.Check(kStart + 10s));
  EXPECT_EQ(Answer("new"), "t");
}

TEST_F(TopicWatchTest, ATopicThatIsGoneOrWhoseIdIsUnknownHasNotChanged) {
  EXPECT_FALSE(watch_.Note({{"t", ""}}));
  EXPECT_FALSE(watch_.Note({{"t", "old"}}));
  EXPECT_FALSE(watch_.Note({}));
  EXPECT_FALSE(watch_.Note({{"t", ""}}));
  EXPECT_FALSE(watch_.Note({{"t", "old"}}));
  EXPECT_EQ(watch_.Note({{"t", "new"}}), "t");
}

TEST_F(TopicWatchTest, AsksEveryTenSecondsAndSoonAfterTrouble) {
  EXPECT_FALSE(watch_.Note({{"t", "old"}}));
  EXPECT_FALSE(watch_.Check(kStart));
  EXPECT_FALSE(watch_.Check(kStart + 60s)) << "one request at a time";
  EXPECT_EQ(logs_.requests, 1);
  EXPECT_FALSE(Answer("old"));
  EXPECT_FALSE(watch_.Check(kStart + 9s));
  EXPECT_EQ(logs_.requests, 1);
  watch_.CheckSoon();
  EXPECT_FALSE(watch_.Check(kStart + 900ms)) << "trouble may come in masses";
  EXPECT_EQ(logs_.requests, 1);
  EXPECT_FALSE(watch_.Check(kStart + 1s));
  EXPECT_EQ(logs_.requests, 2);
}

TEST_F(TopicWatchTest, AsksAgainSoonIfNoBrokerAnswers) {
  EXPECT_FALSE(watch_.Note({{"t", "old"}}));
  EXPECT_FALSE(watch_.Check(kStart));
  logs_.answer = Fail(ErrorCode::kUnavailable, "no broker");
  EXPECT_FALSE(watch_.Check(kStart));
  EXPECT_FALSE(watch_.Check(kStart + 1s));
  EXPECT_EQ(logs_.requests, 2);
}

TEST_F(TopicWatchTest, ForgetsEverything) {
  EXPECT_FALSE(watch_.Note({{"t", "old"}}));
  EXPECT_FALSE(watch_.Check(kStart));
  watch_.Forget();
  EXPECT_EQ(logs_.cancelled, 1);
  EXPECT_FALSE(watch_.Check(kStart + 60s));
  EXPECT_EQ(logs_.requests, 1);
  EXPECT_FALSE(watch_.Note({{"t", "new"}}));
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
