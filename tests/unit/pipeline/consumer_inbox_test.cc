#include "ingest/pipeline/consumer_inbox.h"

#include <gtest/gtest.h>

#include <array>
#include <thread>
#include <vector>

namespace usage_ingest::pipeline {
namespace {

TEST(ConsumerInboxTest, IsEmptyAtFirst) {
  ConsumerInbox inbox;
  ConsumerMessage message;
  EXPECT_FALSE(inbox.Take(message));
}

TEST(ConsumerInboxTest, CarriesEveryKindOfMessage) {
  ConsumerInbox inbox;
  inbox.Push(PositionsLost{.epoch = Epoch{7}, .why = "moved"});
  inbox.Push(PositionsFound{.epoch = Epoch{8},
                            .positions = {{.next_offset = Offset{42}, .last_record = {}}}});
  ConsumerMessage message;
  ASSERT_TRUE(inbox.Take(message));
  EXPECT_EQ(std::get<PositionsLost>(message).why, "moved");
  ASSERT_TRUE(inbox.Take(message));
  EXPECT_EQ(std::get<PositionsFound>(message).positions.at(0).next_offset, Offset{42});
  EXPECT_FALSE(inbox.Take(message));
}

TEST(ConsumerInboxTest, KeepsTheOrderOfEachLane) {
  constexpr std::int64_t kBatches = 10'000;
  ConsumerInbox inbox;
  const std::array<TopicPartition, 2> sources = {{{"t", PartitionId{0}}, {"t", PartitionId{1}}}};
  std::vector<std::jthread> lanes;
  for (const TopicPartition& source : sources) {
    lanes.emplace_back([&inbox, &source] {
      for (std::int64_t i = 1; i <= kBatches; ++i) {
        inbox.Push(Committed{.source = &source, .epoch = Epoch{1}, .next_offset = Offset{i}});
      }
    });
  }
  std::array<std::int64_t, 2> last{};
  ConsumerMessage message;
  while (last[0] < kBatches || last[1] < kBatches) {
    if (!inbox.Take(message)) {
      std::this_thread::yield();
      continue;
    }
    const auto& committed = std::get<Committed>(message);
    auto& seen = last[committed.source == &sources[0] ? 0 : 1];
    ASSERT_EQ(committed.next_offset.value, seen + 1);
    seen = committed.next_offset.value;
  }
}

}  // namespace
}  // namespace usage_ingest::pipeline
