#include "tests/sim/consumer_contract.h"

#include <fmt/format.h>

#include <array>

#include "ingest/pipeline/record.h"

namespace usage_ingest::sim {

using pipeline::Epoch;
using pipeline::Record;

void ConsumerContractTest::Listen() {
  heard_.resize(world_->members.size());
  for (std::size_t i = 0; i < heard_.size(); ++i) {
    std::array<Record, 16> chunk;
    while (const std::size_t count = world_->members[i]->lane.Pop(chunk)) {
      for (std::size_t k = 0; k < count; ++k) {
        const Record record = std::move(chunk[k]);
        source_ = record.source;
        heard_[i].push_back({record.kind, record.epoch, record.offset, record.gap_records});
      }
    }
  }
}

Epoch ConsumerContractTest::EpochOf(std::size_t member) const {
  return {world_->members[member]->epoch->load(std::memory_order_acquire)};
}

std::string ConsumerContractTest::Said(std::size_t member) {
  Listen();
  std::string said;
  for (const Heard& heard : heard_[member]) {
    if (heard.epoch != EpochOf(member)) continue;
    if (!said.empty()) said += ", ";
    if (heard.kind == Record::Kind::kStart) said += "start ";
    if (heard.kind == Record::Kind::kGap) said += fmt::format("gap {} to ", heard.gap_records);
    said += std::to_string(heard.offset.value);
  }
  return said;
}

void ConsumerContractTest::ExpectToHear(std::size_t member, const std::string& said) {
  EXPECT_TRUE(world_->WaitUntil([&] { return Said(member) == said; }))
      << "but it heard: " << Said(member);
}

void ConsumerContractTest::Report(std::size_t member, Offset next) {
  world_->members[member]->inbox.Push(pipeline::Committed{source_, EpochOf(member), next});
}

namespace {

StoredOffset At(std::int64_t next) { return {.next_offset = Offset{next}, .last_record = {}}; }

// As the row is after record next - 1 with this value.
StoredOffset After(std::int64_t next, const std::string& value) {
  Record last;
  last.timestamp_ms = ConsumerWorld::TimestampOf(next - 1);
  last.value = value;
  return {.next_offset = Offset{next}, .last_record = pipeline::FingerprintOf(last)};
}

TEST_P(ConsumerContractTest, BeginsAtTheOffsetOfPostgres) {
  world_->Produce(5);
  world_->Store(After(3, ConsumerWorld::ValueOf(2)));
  world_->Start(0);
  ExpectToHear(0, "start 3, 3, 4");
}

TEST_P(ConsumerContractTest, ANewLogIsReadFromItsStart) {
  world_->Produce(5);
  world_->Store(After(3, "another record"));
  world_->Start(0);
  ExpectToHear(0, "start 3, gap 0 to 0, 0, 1, 2, 3, 4");
}

TEST_P(ConsumerContractTest, ALogThatEndsBelowTheStoredOffsetIsANewLog) {
  world_->Produce(2);
  world_->Store(At(9));
  world_->Start(0);
  ExpectToHear(0, "start 9, gap 0 to 0, 0, 1");
}

TEST_P(ConsumerContractTest, AGapIsReportedExactly) {
  world_->Produce(10);
  world_->ExpireBelow(Offset{6});
  world_->Store(At(2));
  world_->Start(0);
  ExpectToHear(0, "start 2, gap 4 to 6, 6, 7, 8, 9");
}

// One partition, two members: it goes to one of them, and the other has nothing that is not stale.
TEST_P(ConsumerContractTest, ARevokedAssignmentsRecordsAreStale) {
  world_->Produce(3);
  world_->Store(At(0));
  world_->Start(0);
  ExpectToHear(0, "start 0, 0, 1, 2");
  const Epoch before = EpochOf(0);
  world_->Store(At(2));  // what the first has committed by now
  world_->Start(1);
  EXPECT_TRUE(world_->WaitUntil([&] {
    const std::string all = Said(0) + Said(1);
    return before < EpochOf(0) && all == "start 2, 2";
  })) << Said(0)
      << " and " << Said(1);
}

TEST_P(ConsumerContractTest, KafkasOffsetFollowsCommitsAndNotReads) {
  world_->Produce(5);
  world_->Store(At(0));
  world_->Start(0);
  ExpectToHear(0, "start 0, 0, 1, 2, 3, 4");
  EXPECT_EQ(world_->KafkasOffset().value_or(Offset{0}), Offset{0});
  for (const Offset next : {Offset{2}, Offset{5}}) {
    world_->Store(At(next.value));
    Report(0, next);
    EXPECT_TRUE(world_->WaitUntil([&] {
      const auto told = world_->KafkasOffset();
      EXPECT_LE(told.value_or(Offset{0}), next);
      return told == next;
    }));
  }
}

TEST_P(ConsumerContractTest, LostPositionsAreReadAgain) {
  world_->Produce(5);
  world_->Store(At(0));
  world_->Start(0);
  ExpectToHear(0, "start 0, 0, 1, 2, 3, 4");
  world_->Store(At(3));  // a zombie went on
  world_->members[0]->inbox.Push(pipeline::PositionsLost{EpochOf(0), "the contract says so"});
  ExpectToHear(0, "start 3, 3, 4");
}

TEST_P(ConsumerContractTest, ADatabaseThatLostCommitsIsNoticedWithoutNewRecords) {
  world_->Produce(5);
  world_->Store(At(0));
  world_->Start(0);
  ExpectToHear(0, "start 0, 0, 1, 2, 3, 4");
  world_->Store(At(5));
  Report(0, Offset{5});
  ASSERT_TRUE(world_->WaitUntil([&] { return world_->KafkasOffset() == Offset{5}; }));
  world_->Store(At(3));
  ExpectToHear(0, "start 3, 3, 4");
  EXPECT_TRUE(world_->WaitUntil([&] { return world_->KafkasOffset() == Offset{3}; })) << "INV-7";
}

}  // namespace
}  // namespace usage_ingest::sim
