#include "ingest/kafka/consumer/offset_committer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace usage_ingest::kafka::consumer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using namespace std::chrono_literals;

const TopicPartition kFirst{"t", PartitionId{0}};
constexpr OffsetCommitter::TimePoint kStart{100s};
constexpr auto kInterval = limits::kKafkaCommitInterval;

TEST(OffsetCommitterTest, SendsTheNewestOnceAnInterval) {
  OffsetCommitter committer;
  committer.Report(&kFirst, Offset{5});
  committer.Report(&kFirst, Offset{9});
  EXPECT_THAT(committer.TakeDue(kStart), ElementsAre(Pair(&kFirst, Offset{9})));
  committer.OnAnswer(true);
  committer.Report(&kFirst, Offset{12});
  EXPECT_THAT(committer.TakeDue(kStart + kInterval - 1ms), IsEmpty());
  EXPECT_THAT(committer.TakeDue(kStart + kInterval), ElementsAre(Pair(&kFirst, Offset{12})));
}

TEST(OffsetCommitterTest, SendsNothingWhenNothingChanged) {
  OffsetCommitter committer;
  committer.Report(&kFirst, Offset{5});
  EXPECT_THAT(committer.TakeDue(kStart), ElementsAre(Pair(&kFirst, Offset{5})));
  committer.OnAnswer(true);
  committer.Report(&kFirst, Offset{5});
  EXPECT_THAT(committer.TakeDue(kStart + kInterval), IsEmpty());
}

TEST(OffsetCommitterTest, GoesBackWithTheDatabase) {
  OffsetCommitter committer;
  committer.Report(&kFirst, Offset{9});
  EXPECT_THAT(committer.TakeDue(kStart), ElementsAre(Pair(&kFirst, Offset{9})));
  committer.OnAnswer(true);
  committer.Report(&kFirst, Offset{4});
  EXPECT_THAT(committer.TakeDue(kStart + kInterval), ElementsAre(Pair(&kFirst, Offset{4})));
}

TEST(OffsetCommitterTest, WaitsForTheAnswerForALimitedTime) {
  OffsetCommitter committer;
  committer.Report(&kFirst, Offset{5});
  EXPECT_THAT(committer.TakeDue(kStart), ElementsAre(Pair(&kFirst, Offset{5})));
  committer.Report(&kFirst, Offset{6});
  EXPECT_THAT(committer.TakeDue(kStart + 2 * kInterval), IsEmpty());
  EXPECT_THAT(committer.TakeDue(kStart + 1h), ElementsAre(Pair(&kFirst, Offset{6})));
}

TEST(OffsetCommitterTest, SendsAgainWhatFailed) {
  OffsetCommitter committer;
  committer.Report(&kFirst, Offset{5});
  EXPECT_THAT(committer.TakeDue(kStart), ElementsAre(Pair(&kFirst, Offset{5})));
  committer.OnAnswer(false);
  EXPECT_THAT(committer.TakeDue(kStart + kInterval), ElementsAre(Pair(&kFirst, Offset{5})));
}

// The story: nothing new was reported after a commit whose answer never came, so it was not sent
// again, and lag tools went on counting records that were long stored.
TEST(OffsetCommitterTest, SendsAgainWhatWasNeverAnswered) {
  OffsetCommitter committer;
  committer.Report(&kFirst, Offset{5});
  EXPECT_THAT(committer.TakeDue(kStart), ElementsAre(Pair(&kFirst, Offset{5})));
  EXPECT_THAT(committer.TakeDue(kStart + 14s), IsEmpty());
  EXPECT_THAT(committer.TakeDue(kStart + 15s), ElementsAre(Pair(&kFirst, Offset{5})));
}

TEST(OffsetCommitterTest, GivesEverythingBeforeThePartitionsGo) {
  OffsetCommitter committer;
  committer.Report(&kFirst, Offset{5});
  EXPECT_THAT(committer.TakeDue(kStart), ElementsAre(Pair(&kFirst, Offset{5})));
  committer.Report(&kFirst, Offset{6});
  EXPECT_THAT(committer.TakeAll(), ElementsAre(Pair(&kFirst, Offset{6})));
  committer.Clear();
  EXPECT_THAT(committer.TakeAll(), IsEmpty());
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
