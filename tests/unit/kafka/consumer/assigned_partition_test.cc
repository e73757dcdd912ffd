#include "ingest/kafka/consumer/assigned_partition.h"

#include <gtest/gtest.h>

#include <array>

#include "ingest/kafka/client/partition_table.h"
#include "ingest/pipeline/record.h"

namespace usage_ingest::kafka::consumer {
namespace {

using Decision = AssignedPartition::Decision;

const TopicPartition kSource{"t", PartitionId{0}};

pipeline::Record MakeTestRecord(std::int64_t offset, std::string_view value) {
  pipeline::Record record;
  record.source = &kSource;
  record.offset = Offset{offset};
  record.timestamp_ms = 1000;
  record.value = value;
  return record;
}

class AssignedPartitionTest : public ::testing::Test {
 protected:
  Decision Decide(std::int64_t offset, std::string_view value = "v") {
    return partition_.Decide(MakeTestRecord(offset, value));
  }
  void StartAt(std::int64_t next, std::optional<RecordFingerprint> before) {
    StartPlan plan;
    plan.deliver_from = Offset{next};
    plan.assign_at = Offset{before ? next - 1 : next};
    plan.expect_before = before;
    partition_.Start(plan, {.next_offset = Offset{next}, .last_record = before});
  }
  static RecordFingerprint FingerprintOfValue(std::string_view value) {
    return pipeline::FingerprintOf(MakeTestRecord(0, value));
  }
  AssignedPartition partition_{&kSource, 0};
};

TEST_F(AssignedPartitionTest, DropsTheRecordBeforeWhenItIsTheSame) {
  StartAt(10, FingerprintOfValue("old"));
  EXPECT_EQ(Decide(9, "old"), Decision::kDrop);
  EXPECT_EQ(Decide(10), Decision::kDeliver);
}

TEST_F(AssignedPartitionTest, KnowsANewLogByTheRecordBefore) {
  StartAt(10, FingerprintOfValue("old"));
  EXPECT_EQ(Decide(9, "new"), Decision::kChangedLog);
}

// A fetch that was under way when the partition was assigned can bring earlier records.
TEST_F(AssignedPartitionTest, ARecordOfAnotherOffsetSaysNothingOfTheLog) {
  StartAt(10, FingerprintOfValue("old"));
  EXPECT_EQ(Decide(7, "earlier"), Decision::kDrop);
  EXPECT_EQ(Decide(8, "old"), Decision::kDrop);
  EXPECT_EQ(Decide(9, "new"), Decision::kChangedLog) << "and it is still compared";
}

TEST_F(AssignedPartitionTest, KnowsANewLogByTheTimestampAlone) {
  RecordFingerprint later = FingerprintOfValue("old");
  later.timestamp_ms = 7;
  StartAt(10, later);
  EXPECT_EQ(Decide(9, "old"), Decision::kChangedLog);
}

TEST_F(AssignedPartitionTest, GoesOnWhenTheRecordBeforeIsAHole) {
  StartAt(10, FingerprintOfValue("old"));
  EXPECT_EQ(Decide(12), Decision::kDeliver);
}

TEST_F(AssignedPartitionTest, AHoleBeforeARecordOfAnotherLeaderIsAChangedLog) {
  RecordFingerprint before = FingerprintOfValue("old");
  before.leader_epoch = 3;
  for (const std::int32_t leader_epoch : {3, 4}) {
    StartAt(10, before);
    pipeline::Record record = MakeTestRecord(12, "v");
    record.leader_epoch = leader_epoch;
    EXPECT_EQ(partition_.Decide(record),
              leader_epoch == 3 ? Decision::kDeliver : Decision::kChangedLog);
  }
}

TEST_F(AssignedPartitionTest, DropsWhatComesTwice) {
  StartAt(10, std::nullopt);
  EXPECT_EQ(Decide(10), Decision::kDeliver);
  partition_.Advance(MakeTestRecord(10, "v"));
  EXPECT_EQ(Decide(10), Decision::kDrop);
  EXPECT_EQ(Decide(9), Decision::kDrop);
  EXPECT_EQ(Decide(11), Decision::kDeliver);
}

// Within one log the leader epochs never decrease.
TEST_F(AssignedPartitionTest, KnowsAChangedLogByAnOlderLeader) {
  StartAt(10, std::nullopt);
  const auto decide = [&](std::int64_t offset, std::int32_t leader_epoch) {
    pipeline::Record record = MakeTestRecord(offset, "v");
    record.leader_epoch = leader_epoch;
    const Decision decision = partition_.Decide(record);
    if (decision == Decision::kDeliver) partition_.Advance(record);
    return decision;
  };
  EXPECT_EQ(decide(10, 4), Decision::kDeliver);
  EXPECT_EQ(decide(11, 5), Decision::kDeliver);
  EXPECT_EQ(decide(12, kUnknownLeaderEpoch), Decision::kDeliver);
  EXPECT_EQ(decide(13, 5), Decision::kDeliver);
  EXPECT_EQ(decide(14, 4), Decision::kChangedLog);
}

TEST_F(AssignedPartitionTest, KnowsAChangedLogByTheLeaderOfTheRecordBefore) {
  RecordFingerprint before = FingerprintOfValue("old");
  before.leader_epoch = 3;
  StartAt(10, before);
  pipeline::Record same_value = MakeTestRecord(9, "old");
  same_value.leader_epoch = 4;
  EXPECT_EQ(partition_.Decide(same_value), Decision::kChangedLog);
}

TEST_F(AssignedPartitionTest, SaysWhenAnotherLeaderAppended) {
  StartAt(10, std::nullopt);
  pipeline::Record record = MakeTestRecord(10, "v");
  record.leader_epoch = 1;
  EXPECT_FALSE(partition_.Advance(record)) << "the first one says nothing";
  EXPECT_FALSE(partition_.Advance(record));
  record.leader_epoch = 2;
  EXPECT_TRUE(partition_.Advance(record));
}

TEST_F(AssignedPartitionTest, ComparesANullValueLikeAnEmptyOne) {
  StartAt(10, FingerprintOfValue(""));
  EXPECT_EQ(Decide(9, {}), Decision::kDrop);
}

TEST(LaneOfTest, SpreadsThePartitionsOfATopicEvenly) {
  std::array<int, 3> counts{};
  for (int i = 0; i < 12; ++i) ++counts[client::LaneOf({"t", PartitionId{i}}, 3)];
  EXPECT_EQ(counts, (std::array<int, 3>{4, 4, 4}));
}

TEST(LaneOfTest, DoesNotPutEveryTopicsFirstPartitionInOneLane) {
  std::array<int, 2> counts{};
  for (int i = 0; i < 100; ++i)
    ++counts[client::LaneOf({"topic-" + std::to_string(i), PartitionId{0}}, 2)];
  EXPECT_GT(counts[0], 20);
  EXPECT_GT(counts[1], 20);
}

// An alert at night: the first record after an idle hour was an hour late until it was committed.
TEST_F(AssignedPartitionTest, ARecordAfterAnIdleTimeIsNotAsOldAsTheOneBefore) {
  StartAt(10, std::nullopt);
  partition_.Sample(1, Offset{10}, 1'000);
  partition_.Advance(MakeTestRecord(10, "v"));
  partition_.OnCommitted(Offset{11});
  EXPECT_EQ(partition_.oldest_uncommitted_ms(), 0);
  partition_.Sample(2, Offset{11}, 3'601'000);
  partition_.Advance(MakeTestRecord(11, "v"));
  EXPECT_EQ(partition_.oldest_uncommitted_ms(), 3'601'000);
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
