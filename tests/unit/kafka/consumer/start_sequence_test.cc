#include "ingest/kafka/consumer/start_sequence.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "schema/limits.h"

namespace usage_ingest::kafka::consumer {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using Stage = StartSequence::Stage;

constexpr StartSequence::TimePoint kStart{100s};
constexpr pipeline::Epoch kEpoch{3};
const TopicPartition kFirst{"t", PartitionId{0}};
const TopicPartition kSecond{"t", PartitionId{1}};

class FakeLogQueries final : public LogQueries {
 public:
  Result<client::TopicIds> QueryTopicIds(std::span<const std::string> /*topics*/) override {
    if (fails) return Fail(ErrorCode::kUnavailable, "no broker");
    return client::TopicIds{{"t", topic_id}};
  }
  Result<FirstOffsets> QueryFirstOffsets(std::span<const std::string> topics) override {
    asked_topics.assign(topics.begin(), topics.end());
    if (fails) return Fail(ErrorCode::kUnavailable, "no broker");
    return FirstOffsets{{"t", {{PartitionId{0}, Offset{5}}, {PartitionId{1}, Offset{0}}}}};
  }
  Result<std::vector<client::Watermarks>> QueryEnds(
      std::span<const TopicPartition* const> partitions) override {
    if (fails) return Fail(ErrorCode::kUnavailable, "no broker");
    return std::vector(partitions.size(), client::Watermarks{Offset{0}, Offset{100}});
  }

  Result<std::vector<client::EpochEnd>> FindEpochEnds(
      std::span<const client::EpochSearch> searches) override {
    searched.assign(searches.begin(), searches.end());
    return std::vector(searches.size(), epoch_end);
  }
  void RequestTopicIds(std::span<const std::string> /*topics*/) override {}
  std::optional<Result<client::TopicIds>> TakeTopicIds() override { return std::nullopt; }
  void CancelTopicIds() override {}

  bool fails = false;
  TopicId topic_id;
  client::EpochEnd epoch_end;
  std::vector<client::EpochSearch> searched;
  std::vector<std::string> asked_topics;
};

StoredOffset At(std::int64_t next) { return {.next_offset = Offset{next}, .last_record = {}}; }

class StartSequenceTest : public ::testing::Test {
 protected:
  void Start() { sequence_.Start(kEpoch, std::vector{&kFirst, &kSecond}); }
  // To kCompare, with PostgreSQL's answer.
  void Answer(std::int64_t first, std::int64_t second) {
    ASSERT_TRUE(Takes<StartSequence::AskPostgres>());
    sequence_.OnPositions({At(first), At(second)});
  }
  // Advance returns a step of this kind.
  template <typename Kind>
  bool Takes(StartSequence::TimePoint now = kStart) {
    const auto step = sequence_.Advance(now);
    return step && std::holds_alternative<Kind>(*step);
  }
  StartSequence::Assign Starts(StartSequence::TimePoint now = kStart) {
    const auto step = sequence_.Advance(now);
    return step ? std::get<StartSequence::Assign>(*step) : StartSequence::Assign{};
  }

  FakeLogQueries logs_;
  StartSequence sequence_{logs_};
};

TEST_F(StartSequenceTest, AsksKafkaThenPostgresAndPlansEachPartition) {
  Start();
  Answer(10, 20);
  EXPECT_THAT(logs_.asked_topics, ElementsAre("t"));
  EXPECT_EQ(sequence_.request().epoch, kEpoch);
  EXPECT_THAT(sequence_.request().partitions, ElementsAre(&kFirst, &kSecond));
  EXPECT_EQ(sequence_.request().first_offsets.at("t").at(PartitionId{0}), Offset{5});
  const auto starts = Starts();
  ASSERT_EQ(starts.size(), 2U);
  EXPECT_EQ(starts[0].plan.deliver_from, Offset{10});
  EXPECT_EQ(starts[1].plan.deliver_from, Offset{20});
  sequence_.OnAssigned();
  EXPECT_TRUE(sequence_.is_reading());
}

TEST_F(StartSequenceTest, WaitsForPostgresHoweverLongThatTakes) {
  Start();
  ASSERT_TRUE(Takes<StartSequence::AskPostgres>());
  EXPECT_TRUE(Takes<StartSequence::Wait>(kStart + 1h));
  EXPECT_EQ(sequence_.stage(), Stage::kAskPostgres);
}

TEST_F(StartSequenceTest, AnEmptyAssignmentHasNothingToRead) {
  sequence_.Start(kEpoch, {});
  EXPECT_EQ(sequence_.stage(), Stage::kIdle);
  EXPECT_TRUE(Takes<StartSequence::Wait>());
}

TEST_F(StartSequenceTest, AKafkaThatDoesNotAnswerIsAskedAgainWithGrowingDelay) {
  Start();
  logs_.fails = true;
  EXPECT_FALSE(sequence_.Advance(kStart).has_value());
  EXPECT_FALSE(sequence_.Advance(kStart).has_value()) << "the second time at once";
  EXPECT_TRUE(Takes<StartSequence::Wait>(kStart + limits::kBackoffMin - 1ms));
  logs_.fails = false;
  EXPECT_TRUE(Takes<StartSequence::AskPostgres>(kStart + limits::kBackoffMin));
}

TEST_F(StartSequenceTest, TheComparisonIsRepeatedWithTheSameAnswer) {
  Start();
  Answer(10, 20);
  logs_.fails = true;
  EXPECT_FALSE(sequence_.Advance(kStart).has_value());
  logs_.fails = false;
  EXPECT_EQ(Starts().at(1).stored.next_offset, Offset{20});
}

TEST_F(StartSequenceTest, ARestartAsksEverythingAgainInItsEpoch) {
  Start();
  Answer(10, 20);
  ASSERT_EQ(Starts().size(), 2U);
  sequence_.OnAssigned();
  EXPECT_EQ(sequence_.Restart(pipeline::Epoch{4}, kStart), 0ms);
  EXPECT_EQ(sequence_.Restart(pipeline::Epoch{5}, kStart), limits::kBackoffMin);
  EXPECT_TRUE(Takes<StartSequence::Wait>(kStart));
  EXPECT_TRUE(Takes<StartSequence::AskPostgres>(kStart + limits::kBackoffMin));
  EXPECT_EQ(sequence_.request().epoch, pipeline::Epoch{5});
}

TEST_F(StartSequenceTest, ANewLogIsReadFromItsBeginning) {
  Start();
  sequence_.MarkChangedLog(&kFirst, Offset{10});
  Answer(10, 10);
  const auto starts = Starts();
  EXPECT_EQ(starts.at(0).plan.reason, StartReason::kNewLog);
  EXPECT_EQ(starts.at(0).plan.deliver_from, Offset{0});
  EXPECT_EQ(starts.at(1).plan.reason, StartReason::kContinue);
}

// Another member compared the record at the new offset and continued there.
TEST_F(StartSequenceTest, ANewLogIsForgottenWhenTheOffsetsRowHasMoved) {
  for (const std::int64_t moved_to : {9, 11, 12}) {
    Start();
    sequence_.MarkChangedLog(&kFirst, Offset{10});
    Answer(moved_to, 10);
    EXPECT_EQ(Starts().at(0).plan.reason, StartReason::kContinue) << moved_to;
  }
}

TEST_F(StartSequenceTest, ANewLogIsRememberedUntilItsPlanIsAssigned) {
  Start();
  sequence_.MarkChangedLog(&kFirst, Offset{10});
  Answer(10, 10);
  ASSERT_EQ(Starts().at(0).plan.reason, StartReason::kNewLog);
  EXPECT_EQ(sequence_.Restart(kEpoch, kStart), 0ms);  // the assignment failed
  Answer(10, 10);
  ASSERT_EQ(Starts().at(0).plan.reason, StartReason::kNewLog);
  sequence_.OnAssigned();
  EXPECT_EQ(sequence_.Restart(kEpoch, kStart + 1h), 0ms);
  ASSERT_TRUE(Takes<StartSequence::AskPostgres>(kStart + 1h));
  sequence_.OnPositions({At(10), At(10)});
  EXPECT_EQ(Starts(kStart + 1h).at(0).plan.reason, StartReason::kContinue);
}

TEST_F(StartSequenceTest, PositionsAreAskedForWithTheTopicIdAndStartWithIt) {
  logs_.topic_id = "id";
  Start();
  Answer(10, 20);
  EXPECT_EQ(sequence_.request().topic_ids.at("t"), "id");
  EXPECT_EQ(Starts().at(1).topic_id, "id");
}

// Another topic of the same name: its brokers get time to learn of it, and are asked again.
TEST_F(StartSequenceTest, AnotherTopicIsReadAfterADelay) {
  logs_.topic_id = "new";
  StoredOffset stored = At(10);
  stored.topic_id = "old";
  Start();
  ASSERT_TRUE(Takes<StartSequence::AskPostgres>());
  sequence_.OnPositions({stored, stored});
  EXPECT_TRUE(Takes<StartSequence::Wait>());
  EXPECT_TRUE(Takes<StartSequence::Wait>(kStart + 1s));
  ASSERT_TRUE(Takes<StartSequence::AskPostgres>(kStart + 2s));
  sequence_.OnPositions({stored, stored});
  const auto starts = Starts(kStart + 2s);
  ASSERT_EQ(starts.size(), 2U);
  EXPECT_EQ(starts[0].plan.reason, StartReason::kNewLog);
  EXPECT_EQ(starts[0].topic_id, "new");
}

TEST_F(StartSequenceTest, ATruncatedLogIsSearchedForTheEndOfTheLeaderThatWasRead) {
  logs_.topic_id = "id";
  logs_.epoch_end = {.offset = Offset{7}};
  StoredOffset stored = At(10);
  stored.topic_id = "id";
  stored.last_record = RecordFingerprint{.timestamp_ms = 1, .value_hash = 2, .leader_epoch = 5};
  Start();
  sequence_.MarkChangedLog(&kFirst, Offset{10});
  ASSERT_TRUE(Takes<StartSequence::AskPostgres>());
  sequence_.OnPositions({stored, stored});
  const auto starts = Starts();
  ASSERT_EQ(logs_.searched.size(), 1U);
  EXPECT_EQ(logs_.searched[0].source, &kFirst);
  EXPECT_EQ(logs_.searched[0].epoch, 5);
  EXPECT_EQ(logs_.searched[0].within.high, Offset{10});
  EXPECT_EQ(starts.at(0).plan.reason, StartReason::kTruncated);
  EXPECT_EQ(starts.at(0).plan.deliver_from, Offset{7});
  EXPECT_EQ(starts.at(1).plan.reason, StartReason::kContinue);
}

TEST_F(StartSequenceTest, StopEndsItAtEveryStage) {
  Start();
  sequence_.Stop();
  EXPECT_TRUE(Takes<StartSequence::Wait>());
  Start();
  Answer(10, 20);
  sequence_.Stop();
  EXPECT_TRUE(Takes<StartSequence::Wait>());
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
