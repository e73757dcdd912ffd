#include "ingest/kafka/consumer/assignment.h"

#include <gtest/gtest.h>

namespace usage_ingest::kafka::consumer {
namespace {

class AssignmentTest : public ::testing::Test {
 protected:
  AssignmentTest() {
    assignment_.EndEpoch();
    assignment_.Set(std::vector<std::pair<std::string, PartitionId>>{{"t", PartitionId{0}},
                                                                     {"t", PartitionId{1}}});
  }
  [[nodiscard]] Offset committed() { return assignment_.partitions()[1].committed(); }
  [[nodiscard]] const TopicPartition* source() { return assignment_.sources()[1]; }

  Assignment assignment_{2};
};

TEST_F(AssignmentTest, ACommittedOffsetOfThisEpochIsTaken) {
  EXPECT_TRUE(assignment_.OnCommitted({source(), assignment_.epoch(), Offset{7}}));
  EXPECT_EQ(committed(), Offset{7});
}

// Another member may have owned the partition since, and its row may be lower after a fail-over.
TEST_F(AssignmentTest, ACommittedOffsetOfAnOlderEpochIsIgnored) {
  const pipeline::Epoch older = assignment_.epoch();
  assignment_.EndEpoch();
  EXPECT_FALSE(assignment_.OnCommitted({source(), older, Offset{7}}));
  EXPECT_EQ(committed(), Offset{0});
}

// Otherwise the row that such a batch moves looks like skipped records, and an alert fires.
TEST_F(AssignmentTest, ACommittedOffsetOfAnOlderEpochIsOneThatThisProcessStored) {
  const pipeline::Epoch older = assignment_.epoch();
  assignment_.EndEpoch();
  assignment_.Reset();
  ASSERT_FALSE(assignment_.OnCommitted({source(), older, Offset{7}}));
  AssignedPartition& partition = assignment_.partitions()[1];
  StartPlan plan;
  plan.assign_at = plan.deliver_from = Offset{4};
  partition.Start(plan, {.next_offset = Offset{4}, .last_record = std::nullopt});
  EXPECT_EQ(partition.position(), Offset{4});
  EXPECT_EQ(partition.stored_max(), Offset{7});
}

TEST_F(AssignmentTest, ACommittedOffsetOfAPartitionThatWasRevokedIsIgnored) {
  const TopicPartition* revoked = source();
  assignment_.Set(std::vector<std::pair<std::string, PartitionId>>{{"t", PartitionId{0}}});
  EXPECT_FALSE(assignment_.OnCommitted({revoked, assignment_.epoch(), Offset{7}}));
}

TEST_F(AssignmentTest, ResetForgetsWhatWasReadAndKeepsThePartitions) {
  ASSERT_TRUE(assignment_.OnCommitted({source(), assignment_.epoch(), Offset{7}}));
  assignment_.Reset();
  EXPECT_EQ(assignment_.sources().size(), 2U);
  EXPECT_EQ(committed(), Offset{0});
}

TEST_F(AssignmentTest, APartitionIsAlwaysTheSameObject) {
  const TopicPartition* before = source();
  assignment_.Set({});
  assignment_.Set(std::vector<std::pair<std::string, PartitionId>>{{"t", PartitionId{0}},
                                                                   {"t", PartitionId{1}}});
  EXPECT_EQ(source(), before);
}

}  // namespace
}  // namespace usage_ingest::kafka::consumer
