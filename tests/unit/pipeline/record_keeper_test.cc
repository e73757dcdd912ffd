// Which records of a batch lose their bytes, and what happens when one of those is wanted after
// all.
#include "ingest/pipeline/record_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ingest/event/element_identity.h"
#include "tests/unit/pipeline/lane_fixture.h"
#include "tests/unit/pipeline/scripted_store.h"

namespace usage_ingest::pipeline {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;

const TopicPartition kSource{"t", PartitionId{0}};
const TopicPartition kOther{"t", PartitionId{1}};
const std::string kKeyHash(64, 'a');

// The time of every event: now, give or take the length of the test.
std::int64_t NowSeconds() {
  static const std::int64_t now = std::chrono::duration_cast<std::chrono::seconds>(
                                      std::chrono::system_clock::now().time_since_epoch())
                                      .count();
  return now;
}

std::string EventOf(std::string_view id) {
  return R"({"id":")" + std::string(id) + R"(","status":"success","model":"m","prompt_tokens":1,)" +
         R"("startTime":)" + std::to_string(NowSeconds()) +
         R"(,"metadata":{"user_api_key_hash":")" + kKeyHash + R"("}})";
}
Uuid RowIdOf(std::string_view id) {
  return event::MakeRowId(
      {.id = id, .kind = "success", .start_ms = NowSeconds() * 1000, .user_id = ""});
}

class RereadCounter final : public TelemetrySink {
 public:
  void On(const TelemetryEvent& event) override {
    if (std::holds_alternative<Fenced>(event)) ++fenced;
    if (const auto* reread = std::get_if<RereadRequested>(&event)) {
      ++read_again;
      last_why = reread->why;
    }
  }
  int fenced = 0;
  int read_again = 0;
  std::string last_why;
};

// A lane with a queue that the test fills and a store that the test scripts.
class RecordKeeperTest : public LaneFixture {
 protected:
  RecordKeeperTest() {
    store_.owner.subscription_id.bytes[15] = 1;
    LaneOptions options;
    options.releases_records = true;
    StartLane(std::move(options), store_, telemetry_);
  }
  ~RecordKeeperTest() override {
    StopLane();
    EXPECT_EQ(bytes_in_use_, 0) << "every record gave its bytes back";
  }

  // What a fetch buffer does: the bytes are overwritten when the record is released.
  void Bring(std::int64_t offset, const std::string& value) {
    auto* const bytes = new std::pair<std::string, int*>(value, &bytes_in_use_);
    ++bytes_in_use_;
    Record record = RecordAt(Record::Kind::kMessage, offset);
    record.value = bytes->first;
    record.Own(bytes, [](void* handle) noexcept {
      auto* const owned = static_cast<std::pair<std::string, int*>*>(handle);
      owned->first.assign(owned->first.size(), '#');
      --*owned->second;
      delete owned;
    });
    ASSERT_TRUE(producer_.TryPush(record));
    Run();
  }
  // The offset that the last commit reached, -1 without one; the last epoch that lost its
  // positions.
  void Listen() {
    ConsumerMessage message;
    while (inbox_.Take(message)) {
      if (const auto* committed = std::get_if<Committed>(&message)) {
        committed_ = committed->next_offset.value;
      } else if (const auto* lost = std::get_if<PositionsLost>(&message)) {
        lost_epoch_ = lost->epoch;
      }
    }
  }

  RereadCounter telemetry_;
  ScriptedStore store_;
  int bytes_in_use_ = 0;
  std::int64_t committed_ = -1;
  Epoch lost_epoch_;
};

// The first of a key asks the database, so its record is kept; that of the second is released. Both
// are rows, and neither needs the record's bytes, which are gone by then.
TEST_F(RecordKeeperTest, ARowNeedsNoRecord) {
  BeginEpoch(1, 0);
  Bring(0, EventOf("first"));
  Bring(1, EventOf("second"));
  Listen();
  EXPECT_EQ(committed_, 2);
  EXPECT_EQ(store_.committed, (std::map<Uuid, int>{{RowIdOf("first"), 1}, {RowIdOf("second"), 1}}));
  EXPECT_EQ(telemetry_.read_again, 0);
}

TEST_F(RecordKeeperTest, ARowThatIsRefusedLaterIsReadAgainAndKept) {
  BeginEpoch(1, 0);
  Bring(0, EventOf("first"));
  const std::string refused = EventOf("refused");
  store_.refused.insert(RowIdOf("refused"));
  Bring(1, refused);
  Listen();
  EXPECT_EQ(committed_, 1) << "nothing of the batch is in";
  EXPECT_EQ(lost_epoch_, Epoch{1});
  EXPECT_EQ(telemetry_.read_again, 1);
  EXPECT_EQ(telemetry_.fenced, 0) << "it has no other owner";
  EXPECT_NE(telemetry_.last_why.find("rejected_by_database"), std::string::npos)
      << telemetry_.last_why;

  BeginEpoch(2, 1);
  Bring(1, refused);
  Listen();
  EXPECT_EQ(committed_, 2);
  EXPECT_EQ(telemetry_.read_again, 1);
  EXPECT_EQ(store_.letters, std::vector<std::string>{refused}) << "with its payload";
}

// While the cache is stale (the references changed) and the owner is gone, the event has no owner.
TEST_F(RecordKeeperTest, AnOwnerThatIsDeletedIsAskedForAgain) {
  BeginEpoch(1, 0);
  Bring(0, EventOf("first"));
  store_.FailNext(Step::kBegin, ErrorCode::kConflict);
  Bring(1, EventOf("second"));  // attributed, and its transaction waits to be tried again
  lane_->ExpireAttribution();
  store_.knows_owner = false;
  lost_epoch_ = {};
  for (int i = 0; i < 1000 && lost_epoch_ == Epoch{}; ++i) {
    context_.restart();
    context_.run_for(1ms);
    Listen();
  }
  EXPECT_EQ(committed_, 1);
  EXPECT_EQ(lost_epoch_, Epoch{1});
  EXPECT_NE(telemetry_.last_why.find("unattributed"), std::string::npos) << telemetry_.last_why;

  const std::string second = EventOf("second");
  BeginEpoch(2, 1);
  Bring(1, second);
  Listen();
  EXPECT_EQ(committed_, 2);
  EXPECT_EQ(store_.letters, std::vector<std::string>{second});
}

// It came while its owner was unknown, and the query for another batch has told it.
TEST_F(RecordKeeperTest, ARecordIsReleasedWhenItsOwnerBecomesKnown) {
  BeginEpoch(1, 0);
  store_.FailNext(Step::kBegin, ErrorCode::kConflict);
  Bring(0, EventOf("first"));  // its transaction waits to be tried again
  lane_->ExpireAttribution();
  store_.refused.insert(RowIdOf("second"));
  Bring(1, EventOf("second"));
  for (int i = 0; i < 1000 && lost_epoch_ == Epoch{}; ++i) {
    context_.restart();
    context_.run_for(1ms);
    Listen();
  }
  EXPECT_EQ(committed_, 1);
  EXPECT_EQ(telemetry_.read_again, 1) << "the refused row needed its record";
}

class KeepOrReleaseTest : public testing::Test {
 protected:
  void Add(const TopicPartition& source, std::int64_t offset, std::string_view value) {
    Record& record = batch_.records.emplace_back();
    record.source = &source;
    record.offset = Offset{offset};
    record.timestamp_ms = 1000 + offset;
    record.value = value;
    batch_.bytes += record.bytes();
    for (PartitionMove& move : batch_.partitions) {
      if (move.source == &source) move.next_offset = move.records_end = Offset{offset + 1};
    }
  }
  [[nodiscard]] std::int64_t LastOf(std::size_t partition) const {
    const auto& last = batch_.partitions[partition].last_record;
    return last ? last->timestamp_ms : -1;
  }

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
  EXPECT_GE(batch_.bytes, value.size()) << "what was read";
}

TEST_F(KeepOrReleaseTest, WhatHasNoOwnerYetIsCopiedAndCountsWhereItIs) {
  batch_.partitions.emplace_back().source = &kSource;
  const std::string value(5000, 'x');
  Add(kSource, 1, value);
  batch_.events.emplace_back();
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
    BatchEvent& event = batch_.events.emplace_back();
    event.record = i;
    if (i % 2 == 0) event.state = BatchEvent::State::kRow;
  }
  RecordKeeper keeper(attributor_, true);
  keeper.KeepOrRelease(batch_);
  ASSERT_EQ(batch_.records.size(), 2U);
  for (std::uint32_t i = 0; i < 4; ++i) {
    const std::uint32_t record = batch_.events[i].record;
    ASSERT_EQ(record, i % 2 == 0 ? kReleasedRecord : i / 2) << i;
    if (i % 2 != 0) EXPECT_EQ(batch_.records[record].value.size(), 1000 + i);
  }

  const std::size_t before = batch_.memory_bytes();
  batch_.events[1].state = BatchEvent::State::kRow;
  keeper.ReleaseKnown(batch_);
  ASSERT_EQ(batch_.records.size(), 1U);
  EXPECT_EQ(batch_.events[1].record, kReleasedRecord);
  EXPECT_EQ(batch_.events[3].record, 0U);
  EXPECT_EQ(batch_.records[0].value.size(), 1003U);
  EXPECT_EQ(batch_.memory_bytes(), before - sizeof(Record) - 1001);
}

TEST_F(KeepOrReleaseTest, ReleasingTwiceFollowsTheRecordsThatCameInBetween) {
  batch_.partitions.emplace_back().source = &kSource;
  RecordKeeper keeper(attributor_, true);
  Add(kSource, 0, "unknown");
  batch_.events.emplace_back();
  keeper.KeepOrRelease(batch_);
  Add(kSource, 1, "unknown too");
  batch_.events.emplace_back().record = 1;
  keeper.KeepOrRelease(batch_);
  batch_.events[0].state = BatchEvent::State::kRow;
  keeper.ReleaseKnown(batch_);
  Add(kSource, 2, "the third");
  batch_.events.emplace_back().record = 1;
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
