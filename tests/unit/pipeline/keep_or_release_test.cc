// What becomes of the records of one batch: its memory, its indexes, and the last of a partition.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <utility>

#include "ingest/pipeline/record_keeper.h"

namespace usage_ingest::pipeline {
namespace {

using testing::IsEmpty;

const TopicPartition kSource{"t", PartitionId{0}};
const TopicPartition kOther{"t", PartitionId{1}};

class KeepOrReleaseTest : public testing::Test {
 protected:
  void Add(const TopicPartition& source, std::int64_t offset, std::string value) {
    values_.push_back(std::move(value));
    Record& record = batch_.records.emplace_back();
    record.source = &source;
    record.offset = Offset{offset};
    record.timestamp_ms = 1000 + offset;
    record.value = values_.back();
    batch_.bytes += record.bytes();
    batch_.letter_bytes_max += record.value.size();
    batch_.record_times_ms.push_back(record.timestamp_ms);
    for (PartitionMove& move : batch_.partitions) {
      if (move.source == &source) move.next_offset = move.records_end = Offset{offset + 1};
    }
  }
  // Of the record with this index.
  BatchEvent& AddEvent(std::uint32_t record) {
    batch_.letter_bytes_max += sizeof(DeadLetter);
    BatchEvent& event = batch_.events.emplace_back();
    event.record = record;
    return event;
  }
  [[nodiscard]] std::int64_t LastOf(std::size_t partition) const {
    const auto& last = batch_.partitions[partition].last_record;
    return last ? last->timestamp_ms : -1;
  }

  std::deque<std::string> values_;
  Batch batch_;
  Attributor attributor_{16, [](std::string_view, std::uint32_t) { return std::string(); }};
};

TEST_F(KeepOrReleaseTest, NotesTheLastRecordOfEachPartition) {
  batch_.partitions.emplace_back().source = &kSource;
  batch_.partitions.emplace_back().source = &kOther;
  RecordKeeper keeper(attributor_, false);
  Add(kSource, 1, "a");
  Add(kOther, 7, "b");
  Add(kSource, 2, "c");
  keeper.KeepOrRelease(batch_);
  EXPECT_EQ(LastOf(0), 1002);
  EXPECT_EQ(LastOf(1), 1007);
  EXPECT_NE(batch_.partitions[0].last_record->value_hash,
            batch_.partitions[1].last_record->value_hash);
  Add(kSource, 3, "d");
  keeper.KeepOrRelease(batch_);
  EXPECT_EQ(LastOf(0), 1003);
  EXPECT_EQ(LastOf(1), 1007);
}

// A gap came behind it in the same call.
TEST_F(KeepOrReleaseTest, ARecordBeforeAGapIsNotTheLast) {
  batch_.partitions.emplace_back().source = &kSource;
  RecordKeeper keeper(attributor_, false);
  Add(kSource, 1, "a");
  batch_.partitions[0].next_offset = batch_.partitions[0].records_end = Offset{9};
  keeper.KeepOrRelease(batch_);
  EXPECT_EQ(LastOf(0), -1);
}

TEST_F(KeepOrReleaseTest, ARecordBeforeAHoleIsTheLast) {
  batch_.partitions.emplace_back().source = &kSource;
  RecordKeeper keeper(attributor_, false);
  Add(kSource, 1, "a");
  batch_.partitions[0].next_offset = Offset{9};
  keeper.KeepOrRelease(batch_);
  EXPECT_EQ(LastOf(0), 1001);
}

TEST_F(KeepOrReleaseTest, WhatIsReleasedDoesNotCountAsMemory) {
  batch_.partitions.emplace_back().source = &kSource;
  const std::string value(5000, 'x');
  Add(kSource, 1, value);
  const std::size_t before = batch_.memory_bytes();
  RecordKeeper keeper(attributor_, true);
  keeper.KeepOrRelease(batch_);
  EXPECT_THAT(batch_.records, IsEmpty());
  EXPECT_EQ(batch_.memory_bytes(), before - batch_.bytes)
      << "neither the record nor the message that librdkafka has freed";
  EXPECT_EQ(batch_.memory_bytes_max(), kReleasedRecordBytes)
      << "a million of them need a bound too";
  EXPECT_GE(batch_.bytes, value.size()) << "what was read";
}

TEST_F(KeepOrReleaseTest, WhatHasNoOwnerYetIsCopiedAndCountsWhereItIs) {
  batch_.partitions.emplace_back().source = &kSource;
  const std::string value(5000, 'x');
  Add(kSource, 1, value);
  AddEvent(0);
  RecordKeeper keeper(attributor_, true);
  keeper.KeepOrRelease(batch_);
  ASSERT_EQ(batch_.records.size(), 1U);
  EXPECT_EQ(batch_.records[0].value, value);
  EXPECT_NE(batch_.records[0].value.data(), value.data());
  EXPECT_GE(batch_.memory_bytes(), value.size());
}

TEST_F(KeepOrReleaseTest, OfSeveralRecordsOnlyThoseWithoutAnOwnerAreKept) {
  batch_.partitions.emplace_back().source = &kSource;
  for (std::uint32_t i = 0; i < 4; ++i) {
    Add(kSource, i, std::string(1000 + i, 'x'));
    BatchEvent& event = AddEvent(i);
    if (i % 2 == 0) event.state = BatchEvent::State::kRow;
  }
  RecordKeeper keeper(attributor_, true);
  keeper.KeepOrRelease(batch_);
  ASSERT_EQ(batch_.records.size(), 2U);
  for (std::uint32_t i = 0; i < 4; ++i) {
    const std::uint32_t record = batch_.events[i].record;
    ASSERT_EQ(record, i % 2 == 0 ? kReleasedRecord : i / 2) << i;
    if (record != kReleasedRecord) {
      EXPECT_EQ(batch_.records[record].value.size(), 1000 + i);
    }
  }

  const std::size_t before = batch_.memory_bytes();
  batch_.events[1].state = BatchEvent::State::kRow;
  keeper.ReleaseKnown(batch_);
  ASSERT_EQ(batch_.records.size(), 1U);
  EXPECT_EQ(batch_.events[1].record, kReleasedRecord);
  EXPECT_EQ(batch_.events[3].record, 0U);
  EXPECT_EQ(batch_.records[0].value.size(), 1003U);
  EXPECT_EQ(batch_.memory_bytes(), before - sizeof(Record) - 1001);
  EXPECT_EQ(batch_.kept_bytes, 1003U);
  EXPECT_EQ(batch_.letter_bytes_max, 1003 + sizeof(DeadLetter));
}

// The references changed in between: whose the first event is must be asked again, as for the
// second one.
TEST_F(KeepOrReleaseTest, ARecordIsKeptWhileAnyOfItsOwnersIsUnknownAgain) {
  batch_.partitions.emplace_back().source = &kSource;
  Add(kSource, 0, "two events");
  AddEvent(0).state = BatchEvent::State::kRow;
  AddEvent(0);
  RecordKeeper keeper(attributor_, true);
  keeper.KeepOrRelease(batch_);
  ASSERT_EQ(batch_.records.size(), 1U);
  batch_.events[1].state = BatchEvent::State::kRow;
  attributor_.Expire();
  keeper.ReleaseKnown(batch_);
  EXPECT_EQ(batch_.records.size(), 1U);
}

TEST_F(KeepOrReleaseTest, WhatIsKeptForAWhileStaysWhateverIsTold) {
  batch_.partitions.emplace_back().source = &kSource;
  RecordKeeper keeper(attributor_, true);
  keeper.KeepForAWhile();
  Add(kSource, 0, "value");
  AddEvent(0).state = BatchEvent::State::kRow;
  keeper.KeepOrRelease(batch_);
  keeper.ReleaseKnown(batch_);
  EXPECT_EQ(batch_.records.size(), 1U);
}

// The arena has the blocks of the largest batch so far. Beside them, values that are kept would be
// more than the batch may have.
TEST_F(KeepOrReleaseTest, ManyKeptValuesTakeThePlaceOfUnusedBlocks) {
  static_cast<void>(batch_.arena.Copy(std::string(Arena::kBlockBytes, 'x')));
  static_cast<void>(batch_.arena.Copy("the second block"));
  batch_.Clear();
  batch_.partitions.emplace_back().source = &kSource;
  RecordKeeper keeper(attributor_, true);
  Add(kSource, 0, std::string(1000, 'x'));
  AddEvent(0);
  keeper.KeepOrRelease(batch_);
  EXPECT_EQ(batch_.arena.bytes_reserved(), 2 * Arena::kBlockBytes) << "few may be beside them";
  Add(kSource, 1, std::string(2 << 20, 'x'));
  AddEvent(1);
  keeper.KeepOrRelease(batch_);
  EXPECT_EQ(batch_.arena.bytes_reserved(), 0U);
}

TEST_F(KeepOrReleaseTest, ReleasingTwiceFollowsTheRecordsThatCameInBetween) {
  batch_.partitions.emplace_back().source = &kSource;
  RecordKeeper keeper(attributor_, true);
  Add(kSource, 0, "unknown");
  AddEvent(0);
  keeper.KeepOrRelease(batch_);
  Add(kSource, 1, "unknown too");
  AddEvent(1);
  keeper.KeepOrRelease(batch_);
  batch_.events[0].state = BatchEvent::State::kRow;
  keeper.ReleaseKnown(batch_);
  Add(kSource, 2, "the third");
  AddEvent(1);
  keeper.KeepOrRelease(batch_);
  ASSERT_EQ(batch_.records.size(), 2U);
  EXPECT_EQ(batch_.records[batch_.events[1].record].value, "unknown too");
  EXPECT_EQ(batch_.records[batch_.events[2].record].value, "the third");
}

TEST_F(KeepOrReleaseTest, AfterAMissRecordsAreKeptForSomeBatches) {
  RecordKeeper keeper(attributor_, true);
  keeper.KeepForAWhile();
  for (std::size_t i = 0; i <= RecordKeeper::kBatchesKept; ++i) {
    batch_.Clear();
    batch_.partitions.emplace_back().source = &kSource;
    Add(kSource, 1, "value");
    keeper.KeepOrRelease(batch_);
    ASSERT_EQ(batch_.records.empty(), i == RecordKeeper::kBatchesKept) << i;
    keeper.BatchCommitted();
  }
}

}  // namespace
}  // namespace usage_ingest::pipeline
