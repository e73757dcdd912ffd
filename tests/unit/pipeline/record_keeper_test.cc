// A lane that has released a record, and what happens when it is wanted after all.
#include "ingest/pipeline/record_keeper.h"

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
  explicit RecordKeeperTest(LaneOptions options = {}) {
    store_.owner.subscription_id.bytes[15] = 1;
    options.writer.can_read_less = true;
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

class FullLaneTest : public RecordKeeperTest {
 protected:
  FullLaneTest() : RecordKeeperTest(Options()) {}

 private:
  // The first block of the arena, and one record of 2 KB that is kept.
  static LaneOptions Options() {
    LaneOptions options;
    options.transaction_bytes_max = Arena::kBlockBytes + 3000;
    return options;
  }
};

TEST_F(FullLaneTest, DecodesOnWhenAQueryTellsTheOwnersOfItsRecords) {
  BeginEpoch(1, 0);
  store_.FailNext(Step::kBegin, ErrorCode::kConflict, 1000);
  Bring(0, EventOf("first"));
  lane_->ExpireAttribution();
  Bring(1, EventOf("second") + std::string(2000, ' '));
  Bring(2, EventOf("third"));
  ASSERT_EQ(queue_.records(), 1U) << "the second one is kept and takes all memory";
  for (int i = 0; i < 1000 && queue_.records() != 0; ++i) {
    context_.restart();
    context_.run_for(1ms);
  }
  EXPECT_EQ(queue_.records(), 0U);
  Listen();
  EXPECT_EQ(committed_, -1) << "the first transaction still waits";
}

}  // namespace
}  // namespace usage_ingest::pipeline
