// What an event becomes whose owner is known, unknown, or does not exist: docs/events.md, "Whose
// usage it is" and "What is skipped".
#include "ingest/pipeline/attributor.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "schema/check.h"

namespace usage_ingest::pipeline {
namespace {

// A store that only answers questions: users it knows have a subscription.
class AnsweringStore final : public BatchStore {
 public:
  Task<Result<std::vector<AttributionAnswer>>> Attribute(
      std::span<const AttributionQuestion> questions) override {
    asked.push_back(questions.size());
    during_query();
    if (is_away) co_return Fail(ErrorCode::kUnavailable, "away");
    std::vector<AttributionAnswer> answers;
    for (const AttributionQuestion& question : questions) {
      const auto found = subscriptions.find(std::string(question.user_id));
      if (found == subscriptions.end()) {
        answers.push_back({.owner = std::nullopt, .missing = "the user"});
      } else {
        answers.push_back({.owner = Attribution{.subscription_id = found->second}, .missing = {}});
      }
    }
    co_return answers;
  }
  Task<Result<>> Connect() override { return Never<Result<>>(); }
  [[nodiscard]] bool connected() const override { return true; }
  [[nodiscard]] CopyPath copy_path() const override { return CopyPath::kBatch; }
  Task<> Reset() override { co_return; }
  Task<Result<bool>> IsCommitted(const Batch&) override { return Never<Result<bool>>(); }
  Task<Result<>> EnsurePartition(EventTimeUs) override { return Never<Result<>>(); }
  Task<Result<BeginResult>> Begin(const Batch&, const Parents&) override {
    return Never<Result<BeginResult>>();
  }
  Task<Result<>> BeginPiece() override { return Never<Result<>>(); }
  Task<Result<>> EndPiece(PieceEnd) override { return Never<Result<>>(); }
  Task<Result<std::int64_t>> CopyRows(std::span<const UsageRow* const>) override {
    return Never<Result<std::int64_t>>();
  }
  Task<Result<std::vector<Uuid>>> LockJobs(std::span<const Uuid>) override {
    return Never<Result<std::vector<Uuid>>>();
  }
  Task<Result<StagedRows>> StageRows(std::span<const UsageRow* const>) override {
    return Never<Result<StagedRows>>();
  }
  [[nodiscard]] CopyFailure failure() const override { return {}; }
  Task<Result<QuotaChanges>> AddSums(const aggregate::Deltas&) override {
    return Never<Result<QuotaChanges>>();
  }
  Task<Result<>> AddDeadLetters(std::span<const DeadLetter>) override { return Never<Result<>>(); }
  Task<Result<>> RecordOutcomes(const Batch&) override { return Never<Result<>>(); }
  Task<Result<>> Commit() override { return Never<Result<>>(); }

  std::map<std::string, Uuid> subscriptions;
  std::vector<std::size_t> asked;  // how many questions each time
  std::function<void()> during_query = [] {};
  bool is_away = false;

 private:
  template <class T>
  static Task<T> Never() {
    USAGE_INGEST_CHECK(false);
    co_return T{};
  }
};

class AttributorTest : public testing::Test {
 protected:
  AttributorTest() {
    store_.subscriptions["alice"].bytes[0] = 1;
    store_.subscriptions["bob"].bytes[0] = 2;
    batch_.partitions.emplace_back().source = &source_;
    Record& record = batch_.records.emplace_back();
    record.source = &source_;
    record.offset = {42};
    record.value = "the record";
  }

  BatchEvent& Add(std::string_view user, std::int32_t tokens = 1) {
    BatchEvent& event = batch_.events.emplace_back();
    event.row.event.user_id = user;
    event.row.event.model_id = "m";
    event.row.event.request_tokens = tokens;
    event.event_index = static_cast<std::uint32_t>(batch_.events.size() - 1);
    return event;
  }
  Result<> Resolve() {
    Result<> answer;
    boost::asio::co_spawn(io_, attributor_.Resolve(batch_, store_),
                          [&](const std::exception_ptr& bug, Result<> result) {
                            if (bug) std::rethrow_exception(bug);
                            answer = std::move(result);
                          });
    io_.restart();
    io_.run();
    return answer;
  }
  [[nodiscard]] BatchEvent::State state(std::size_t i) const { return batch_.events[i].state; }

  boost::asio::io_context io_;
  TopicPartition source_{"t", {3}};
  AnsweringStore store_;
  Batch batch_;
  Attributor attributor_{1'000, [](std::string_view value, std::uint32_t index) {
                           return std::string(value) + '/' + std::to_string(index);
                         }};
};

using State = BatchEvent::State;

TEST_F(AttributorTest, AsksOnceForAllThatABatchDoesNotKnow) {
  for (const char* user : {"alice", "bob", "alice", "alice", "bob"}) Add(user);
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(store_.asked, std::vector<std::size_t>{2});
  for (std::size_t i = 0; i < 5; ++i) {
    ASSERT_EQ(state(i), State::kRow) << i;
    EXPECT_EQ(batch_.events[i].row.owner.subscription_id,
              store_.subscriptions[std::string(batch_.events[i].row.event.user_id)]);
  }
  Add("alice");
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(state(5), State::kRow);
  EXPECT_EQ(store_.asked.size(), 1U) << "it is known by now";
}

TEST_F(AttributorTest, SaysWhenAQueryHasToldOwners) {
  int told = 0;
  Attributor attributor(
      1'000, [](std::string_view, std::uint32_t) { return std::string(); }, [&told] { ++told; });
  std::swap(attributor, attributor_);
  Add("alice");
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(told, 1);
  Add("alice");
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(told, 1) << "there was no query";
}

TEST_F(AttributorTest, ARowThatIsNotCommittedIsAskedForAgainWhenTheReferencesChange) {
  Add("alice");
  ASSERT_TRUE(Resolve());
  store_.subscriptions["alice"].bytes[0] = 9;
  attributor_.Expire();
  BatchEvent& bob = Add("bob");
  EXPECT_FALSE(attributor_.AttributeFromCache(batch_, bob)) << "the cache knows nothing now";
  EXPECT_EQ(state(0), State::kPending);
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(batch_.events[0].row.owner.subscription_id, store_.subscriptions["alice"]);
  EXPECT_TRUE(attributor_.AttributeFromCache(batch_, Add("bob")));
  EXPECT_EQ(state(0), State::kRow) << "nothing changed since";
}

TEST_F(AttributorTest, WithoutItsRecordNothingBecomesADeadLetter) {
  Add("alice").record = kReleasedRecord;
  Add("carol").record = kReleasedRecord;
  const Result<> resolved = Resolve();
  ASSERT_FALSE(resolved);
  EXPECT_EQ(resolved.error().code, ErrorCode::kRecordGone);
  EXPECT_EQ(state(1), State::kPending);
  EXPECT_TRUE(batch_.dead_letters.empty());
  EXPECT_EQ(batch_.partitions[0].outcomes.dead_lettered, 0);
}

TEST_F(AttributorTest, SomebodysUsageWithoutASubscriptionIsADeadLetter) {
  Add("alice");
  BatchEvent& event = Add("carol");
  event.row.event.key_hash = "hash";
  event.row.event.litellm_request_id = "id";
  event.row.event.created_at = {7};
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(state(1), State::kDeadLetter);
  ASSERT_EQ(batch_.dead_letters.size(), 1U);
  const DeadLetter& letter = batch_.dead_letters[0];
  EXPECT_EQ(letter.reason, DeadLetterReason::kUnattributed);
  EXPECT_EQ(letter.detail, "the user");
  EXPECT_EQ(letter.source, &source_);
  EXPECT_EQ(letter.record_offset, Offset{42});
  EXPECT_EQ(letter.event_index, 1U);
  EXPECT_EQ(letter.key_hash, "hash");
  EXPECT_EQ(letter.event_id, "id");
  EXPECT_EQ(letter.event_time, EventTimeUs{7});
  EXPECT_EQ(letter.payload, "the record/1");
  EXPECT_EQ(batch_.partitions[0].outcomes.dead_lettered, 1);
}

// A flood of made-up keys must fill neither the dead letters nor the database with questions.
TEST_F(AttributorTest, NobodysUsageIsSkippedAndAskedForOnceABatch) {
  for (int i = 0; i < 3; ++i) Add("mallory", 0);
  ASSERT_TRUE(Resolve());
  Add("mallory", 0);
  ASSERT_TRUE(Resolve());
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(state(i), State::kSkipped) << i;
  EXPECT_EQ(store_.asked, (std::vector<std::size_t>{1, 1}));
  EXPECT_EQ(batch_.skip_counts[static_cast<std::size_t>(SkipReason::kNoUsage)], 4);
  EXPECT_EQ(batch_.partitions[0].outcomes.skipped, 4);
  EXPECT_TRUE(batch_.dead_letters.empty());
}

// A skipped event is lost, so an answer from before the user was synced is not enough.
TEST_F(AttributorTest, NothingIsSkippedByAnAnswerOfAnEarlierBatch) {
  Add("carol", 0);
  Add("dave").row.event.is_master_key = true;
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(state(0), State::kSkipped);
  EXPECT_EQ(state(1), State::kSkipped);
  store_.subscriptions["carol"].bytes[0] = 3;
  store_.subscriptions["dave"].bytes[0] = 4;
  Add("carol", 0);
  Add("dave").row.event.is_master_key = true;
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(state(2), State::kRow);
  EXPECT_EQ(state(3), State::kRow);
}

TEST_F(AttributorTest, AnAnswerFromBeforeAChangeIsNotKept) {
  Add("carol");
  store_.during_query = [&] { attributor_.Expire(); };
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(state(0), State::kDeadLetter);
  store_.during_query = [] {};
  store_.subscriptions["carol"].bytes[0] = 3;
  Add("carol");
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(state(1), State::kRow);
}

TEST_F(AttributorTest, AFailureWithoutTokensOfAKnownOwnerIsARow) {
  Add("alice", 0);
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(state(0), State::kRow);
}

TEST_F(AttributorTest, TheMasterKeyIsSkippedUnlessItNamesAUser) {
  Add("alice").row.event.is_master_key = true;
  Add("unknown").row.event.is_master_key = true;
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(state(0), State::kRow);
  EXPECT_EQ(state(1), State::kSkipped) << "although it has usage";
  EXPECT_EQ(batch_.skip_counts[static_cast<std::size_t>(SkipReason::kMasterKey)], 1);
}

TEST_F(AttributorTest, TheMasterKeyIsCountedAsSuchWithoutUsageToo) {
  Add("unknown", 0).row.event.is_master_key = true;
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(batch_.skip_counts[static_cast<std::size_t>(SkipReason::kMasterKey)], 1);
  EXPECT_EQ(batch_.skip_counts[static_cast<std::size_t>(SkipReason::kNoUsage)], 0);
}

TEST_F(AttributorTest, LooksAgainWhenReferencesChanged) {
  Add("carol");
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(state(0), State::kDeadLetter);
  store_.subscriptions["carol"].bytes[0] = 3;
  Add("carol");
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(state(1), State::kDeadLetter) << "it was asked a moment ago";
  attributor_.Expire();
  Add("carol");
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(state(2), State::kRow);
}

TEST_F(AttributorTest, EventsOfASubscriptionThatIsGoneAreAskedForAgain) {
  Add("alice");
  Add("bob");
  ASSERT_TRUE(Resolve());
  const std::vector<Uuid> gone = {store_.subscriptions["alice"]};
  store_.subscriptions.erase("alice");
  attributor_.ForgetSubscriptions(batch_, gone);
  EXPECT_EQ(state(0), State::kPending);
  EXPECT_EQ(state(1), State::kRow);
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(state(0), State::kDeadLetter);
}

TEST_F(AttributorTest, LeavesEverythingPendingWithoutAnAnswer) {
  Add("alice");
  store_.is_away = true;
  EXPECT_FALSE(Resolve());
  EXPECT_EQ(state(0), State::kPending);
  store_.is_away = false;
  ASSERT_TRUE(Resolve());
  EXPECT_EQ(state(0), State::kRow);
}

}  // namespace
}  // namespace usage_ingest::pipeline
