#include "tests/sim/batch_store_contract.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "aggregate/rollup.h"
#include "tests/sim/event_factory.h"

namespace usage_ingest::sim {
namespace {

using pipeline::Batch;
using pipeline::BatchStore;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const TopicPartition kSource{"litellm.usage.v1", PartitionId{0}};

Uuid RowId(int number) {
  Uuid id;
  id.bytes[0] = 0x50;
  id.bytes[15] = static_cast<std::uint8_t>(number);
  return id;
}

UsageEvent MakeEvent(int number) {
  UsageEvent event;
  event.id = RowId(number);
  event.model_id = "model-a";
  event.request_tokens = 10;
  event.response_tokens = 5;
  event.input_cost = MicroCost{1'500};
  event.litellm_request_id = "req";
  event.metadata_json = "{}";
  return event;
}

}  // namespace

void BatchStoreContractTest::SetUp() {
  world_ = GetParam()();
  store_ = MakeConnected(0);
  ASSERT_TRUE(Await(store_->EnsurePartition({1'767'225'600'000'000})));  // January 2026
  key_hash_ = world_->key_hash();
  const pipeline::AttributionQuestion question{key_hash_, {}, {}, "model-a"};
  const auto answers = Await(store_->Attribute(std::span(&question, 1)));
  ASSERT_TRUE(answers && answers->size() == 1 && answers->front().owner);
  owner_ = *answers->front().owner;
}

std::unique_ptr<BatchStore> BatchStoreContractTest::MakeConnected(std::size_t lane) {
  auto store = world_->MakeStore(lane);
  EXPECT_FALSE(store->connected());
  const Result<> connected = Await(store->Connect());
  EXPECT_TRUE(connected) << connected.error().context;
  EXPECT_TRUE(store->connected());
  return store;
}

std::unique_ptr<Batch> BatchStoreContractTest::MakeBatch(std::int64_t expected,
                                                         const std::vector<RowSpec>& rows) {
  auto batch = std::make_unique<Batch>();
  pipeline::PartitionMove& move = batch->partitions.emplace_back();
  move.source = &kSource;
  move.expected = Offset{expected};
  move.next_offset = Offset{expected + std::ssize(rows)};
  move.outcomes.records = move.outcomes.events = move.outcomes.inserted = std::ssize(rows);
  for (const RowSpec& spec : rows) {
    pipeline::BatchEvent& event = batch->events.emplace_back();
    event.row.event = MakeEvent(spec.number);
    event.row.event.created_at = spec.created_at;
    event.row.event.latency_ms = spec.latency_ms;
    event.row.owner = owner_;
  }
  return batch;
}

std::vector<const UsageRow*> BatchStoreContractTest::RowsOf(const Batch& batch) {
  std::vector<const UsageRow*> rows;
  for (const pipeline::BatchEvent& event : batch.events) rows.push_back(&event.row);
  return rows;
}

pipeline::Parents BatchStoreContractTest::ParentsOf(const Batch& batch) {
  pipeline::Parents parents;
  if (batch.events.empty()) return parents;
  const Attribution& owner = batch.events.front().row.owner;
  parents.subscriptions = {owner.subscription_id};
  parents.api_keys = {owner.api_key_id};
  return parents;
}

Result<> BatchStoreContractTest::Write(BatchStore& store, const Batch& batch, Until until) {
  const auto gone = Await(store.Begin(batch, ParentsOf(batch)));
  if (!gone) return std::unexpected(gone.error());
  if (until == Until::kBegin) return {};
  const auto rows = RowsOf(batch);
  if (!rows.empty()) {
    const Result<std::int64_t> copied = Await(store.CopyRows(rows));
    if (!copied) return std::unexpected(copied.error());
    EXPECT_EQ(*copied, std::ssize(rows));
  }
  if (until == Until::kRows) return {};
  aggregate::Rollup rollup;
  for (const UsageRow* row : rows) rollup.Add(*row);
  const Result<pipeline::QuotaChanges> added = Await(store.AddSums(rollup.Take()));
  if (!added) return std::unexpected(added.error());
  if (!batch.dead_letters.empty()) {
    const Result<> stored = Await(store.AddDeadLetters(batch.dead_letters));
    if (!stored) return stored;
  }
  const Result<> recorded = Await(store.RecordOutcomes(batch));
  if (!recorded) return recorded;
  if (until == Until::kSums) return {};
  return Await(store.Commit());
}

ErrorCode BatchStoreContractTest::CodeOf(const Result<>& result) {
  EXPECT_FALSE(result) << "it should have failed";
  return result ? ErrorCode{} : result.error().code;
}

void BatchStoreContractTest::Reset(BatchStore& store) {
  bool is_done = false;
  boost::asio::co_spawn(world_->context, store.Reset(),
                        [&is_done](const std::exception_ptr&) { is_done = true; });
  while (!is_done) world_->Step();
}

void BatchStoreContractTest::ExpectNothing() {
  EXPECT_EQ(world_->RowCount(), 0);
  EXPECT_EQ(world_->NextOffset(), 0);
  EXPECT_EQ(world_->CountedEvents(), 0);
  EXPECT_EQ(world_->SummaryRequests(), 0);
  EXPECT_EQ(world_->HistoryRequests(), 0);
  EXPECT_EQ(world_->UsedRequests(), 0);
  EXPECT_EQ(world_->DeadLetterCount(), 0);
}

namespace {

TEST_P(BatchStoreContractTest, RowsSumsCountersAndOffsetAreCommittedTogether) {
  const auto batch = MakeBatch(0, {{.number = 1}, {.number = 2}});
  ASSERT_TRUE(Write(*store_, *batch, Until::kSums));
  ExpectNothing();  // what others see before COMMIT
  const Result<> committed = Await(store_->Commit());
  ASSERT_TRUE(committed) << committed.error().context;
  EXPECT_EQ(world_->RowCount(), 2);
  EXPECT_EQ(world_->NextOffset(), 2);
  EXPECT_EQ(world_->CountedEvents(), 2);
  EXPECT_EQ(world_->SummaryRequests(), 2);
  EXPECT_EQ(world_->HistoryRequests(), 2);
  EXPECT_EQ(world_->UsedRequests(), 2);
}

// The same hour and subscription: sums that replaced what is there would pass every case of one
// batch.
TEST_P(BatchStoreContractTest, ASecondBatchAddsToTheSumsOfTheFirst) {
  const auto first = MakeBatch(0, {{.number = 1}});
  const auto second = MakeBatch(1, {{.number = 2}});
  ASSERT_TRUE(Write(*store_, *first));
  ASSERT_TRUE(Write(*store_, *second));
  EXPECT_EQ(world_->SummaryRequests(), 2);
  EXPECT_EQ(world_->HistoryRequests(), 2);
  EXPECT_EQ(world_->UsedRequests(), 2);
  EXPECT_EQ(world_->CountedEvents(), 2);
}

TEST_P(BatchStoreContractTest, AResetTransactionLeavesNothing) {
  const auto batch = MakeBatch(0, {{.number = 1}});
  for (const Until until : {Until::kBegin, Until::kRows, Until::kSums}) {
    ASSERT_TRUE(Write(*store_, *batch, until));
    Reset(*store_);
    ExpectNothing();
  }
  EXPECT_TRUE(Write(*store_, *batch)) << "and it does not stand in the way of the next one";
  EXPECT_EQ(world_->UsedRequests(), 1);
}

TEST_P(BatchStoreContractTest, AnotherOffsetThanExpectedFences) {
  ASSERT_TRUE(Write(*store_, *MakeBatch(0, {{.number = 1}})));
  EXPECT_EQ(CodeOf(Write(*store_, *MakeBatch(0, {{.number = 2}}))), ErrorCode::kFenced);
  Reset(*store_);
  EXPECT_EQ(CodeOf(Write(*store_, *MakeBatch(5, {{.number = 2}}))), ErrorCode::kFenced);
  Reset(*store_);
  EXPECT_EQ(world_->RowCount(), 1);
  EXPECT_EQ(world_->NextOffset(), 1);
  EXPECT_TRUE(Write(*store_, *MakeBatch(1, {{.number = 2}})));
}

TEST_P(BatchStoreContractTest, AnOffsetsRowLockedByAnotherSessionIsAConflict) {
  const auto other = MakeConnected(1);
  const auto batch = MakeBatch(0, {{.number = 1}});
  ASSERT_TRUE(Write(*other, *batch, Until::kBegin));
  EXPECT_EQ(CodeOf(Write(*store_, *batch)), ErrorCode::kConflict);
  Reset(*store_);
  Reset(*other);
  EXPECT_TRUE(Write(*store_, *batch));
}

// Both compare while the row still holds what both expect; the one that waited must see the move.
TEST_P(BatchStoreContractTest, ACompareAndSetThatWaitedSeesTheCommitItWaitedFor) {
  const auto other = MakeConnected(1);
  const auto batch = MakeBatch(0, {{.number = 1}});
  ASSERT_TRUE(Write(*other, *batch, Until::kSums));
  std::optional<Result<pipeline::BeginResult>> begun;
  boost::asio::co_spawn(world_->context, store_->Begin(*batch, ParentsOf(*batch)),
                        [&begun](const std::exception_ptr&, Result<pipeline::BeginResult> answer) {
                          begun.emplace(std::move(answer));
                        });
  ASSERT_TRUE(Await(other->Commit()));
  while (!begun) world_->Step();
  ASSERT_FALSE(begun->has_value());
  EXPECT_EQ(begun->error().code, ErrorCode::kFenced);
}

TEST_P(BatchStoreContractTest, CopyRefusesADuplicate) {
  ASSERT_TRUE(Write(*store_, *MakeBatch(0, {{.number = 1}})));
  const auto again = MakeBatch(1, {{.number = 1}, {.number = 2}});
  EXPECT_EQ(CodeOf(Write(*store_, *again)), ErrorCode::kDuplicateRow);
  Reset(*store_);
  EXPECT_EQ(world_->RowCount(), 1);
  EXPECT_EQ(world_->NextOffset(), 1);
}

TEST_P(BatchStoreContractTest, StagingTellsWhichRowsAreNew) {
  ASSERT_TRUE(Write(*store_, *MakeBatch(0, {{.number = 2}})));
  const auto again = MakeBatch(1, {{.number = 1}, {.number = 2}, {.number = 3}});
  for (int round = 0; round < 2; ++round) {  // what was staged is forgotten with its transaction
    ASSERT_TRUE(Write(*store_, *again, Until::kBegin));
    const auto inserted = Await(store_->StageRows(RowsOf(*again)));
    ASSERT_TRUE(inserted) << inserted.error().context;
    EXPECT_THAT(inserted->inserted, ElementsAre(RowId(1), RowId(3)));
    EXPECT_THAT(inserted->declined, IsEmpty());
    Reset(*store_);
  }
  EXPECT_EQ(world_->RowCount(), 1);
}

// Two lanes with the same event: the second can only know when the first is done.
TEST_P(BatchStoreContractTest, ARowOfATransactionThatIsOpenIsWaitedFor) {
  const auto other = MakeConnected(1);
  const auto batch = MakeBatch(0, {{.number = 1}});
  ASSERT_TRUE(Write(*other, *batch, Until::kRows));
  const auto none = MakeBatch(0, {});
  none->partitions.clear();
  ASSERT_TRUE(Write(*store_, *none, Until::kBegin));
  const Result<std::int64_t> refused = Await(store_->CopyRows(RowsOf(*batch)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  Reset(*store_);
}

// The piece that is kept is committed; the one that is undone leaves nothing, and so does an error.
TEST_P(BatchStoreContractTest, APieceIsUndoneAlone) {
  const auto batch =
      MakeBatch(0, {{.number = 1}, {.number = 2}, {.number = 3, .latency_ms = kRefusedLatencyMs}});
  const auto rows = RowsOf(*batch);
  ASSERT_TRUE(Write(*store_, *batch, Until::kBegin));
  for (std::size_t piece = 0; piece < rows.size(); ++piece) {
    ASSERT_TRUE(Await(store_->BeginPiece()));
    const auto staged = Await(store_->StageRows(std::span(rows).subspan(piece, 1)));
    ASSERT_EQ(staged.has_value(), piece != 2);
    if (staged) {
      EXPECT_EQ(staged->inserted.size(), 1U);
      aggregate::Rollup rollup;
      rollup.Add(*rows[piece]);
      ASSERT_TRUE(Await(store_->AddSums(rollup.Take())));
    }
    const auto end = piece == 0 ? pipeline::PieceEnd::kKeep : pipeline::PieceEnd::kUndo;
    ASSERT_TRUE(Await(store_->EndPiece(end)));
  }
  ASSERT_TRUE(Await(store_->RecordOutcomes(*batch)));
  ASSERT_TRUE(Await(store_->Commit()));
  EXPECT_EQ(world_->RowCount(), 1);
  EXPECT_EQ(world_->SummaryRequests(), 1);
  EXPECT_EQ(world_->HistoryRequests(), 1);
  EXPECT_EQ(world_->UsedRequests(), 1);
}

TEST_P(BatchStoreContractTest, AMonthWithoutAPartitionIsReportedAndCanBeCreated) {
  const auto batch = MakeBatch(0, {{.number = 1, .created_at = kLongAgo}});
  EXPECT_EQ(CodeOf(Write(*store_, *batch)), ErrorCode::kMissingPartition);
  Reset(*store_);
  for (int round = 0; round < 2; ++round) {  // also when it is there already
    const Result<> made = Await(store_->EnsurePartition(kMonthLongAgo));
    ASSERT_TRUE(made) << made.error().context;
  }
  EXPECT_TRUE(Write(*store_, *batch));
  EXPECT_EQ(world_->RowCount(), 1);
}

TEST_P(BatchStoreContractTest, ARowThatTheDatabaseRefusesIsABadRecord) {
  const auto batch =
      MakeBatch(0, {{.number = 1}, {.number = 2, .latency_ms = kRefusedLatencyMs}, {.number = 3}});
  EXPECT_EQ(CodeOf(Write(*store_, *batch)), ErrorCode::kBadRecord);
  EXPECT_EQ(store_->failure().row.value_or(1), 1U) << "which it may leave open, but not get wrong";
  Reset(*store_);
  ASSERT_TRUE(Write(*store_, *batch, Until::kBegin));
  const auto staged = Await(store_->StageRows(RowsOf(*batch)));
  ASSERT_FALSE(staged);
  EXPECT_EQ(staged.error().code, ErrorCode::kBadRecord);
  Reset(*store_);
  ExpectNothing();
}

TEST_P(BatchStoreContractTest, LockedParentsStayUntilTheEnd) {
  const auto batch = MakeBatch(0, {{.number = 1}});
  ASSERT_TRUE(Write(*store_, *batch, Until::kBegin));
  EXPECT_FALSE(world_->TryDeleteSubscription());
  Reset(*store_);
  EXPECT_TRUE(world_->TryDeleteSubscription());
}

TEST_P(BatchStoreContractTest, MissingParentsAreReported) {
  const auto batch = MakeBatch(0, {{.number = 1}});
  ASSERT_TRUE(world_->TryDeleteSubscription());
  const auto begun = Await(store_->Begin(*batch, ParentsOf(*batch)));
  ASSERT_TRUE(begun) << begun.error().context;
  EXPECT_THAT(begun->gone.subscriptions, ElementsAre(owner_.subscription_id));
  EXPECT_THAT(begun->gone.teams, IsEmpty());
  Reset(*store_);
  const pipeline::AttributionQuestion question{key_hash_, {}, {}, "model-a"};
  const auto answers = Await(store_->Attribute(std::span(&question, 1)));
  ASSERT_TRUE(answers) << answers.error().context;
  EXPECT_FALSE(answers->front().owner);
  EXPECT_NE(answers->front().missing, "");
}

TEST_P(BatchStoreContractTest, ADeadLetterIsKeptOnceHoweverOftenItIsDecided) {
  for (std::int64_t round = 0; round < 2; ++round) {  // after a fail-over it comes again
    const auto batch = MakeBatch(round, {});
    batch->partitions.front().next_offset = Offset{round + 1};
    batch->partitions.front().outcomes.records = batch->partitions.front().outcomes.events = 1;
    pipeline::DeadLetter letter;
    letter.source = &kSource;
    letter.record_offset = Offset{7};
    letter.payload = "{";
    batch->AddDeadLetter(0, letter);
    const Result<> written = Write(*store_, *batch);
    ASSERT_TRUE(written) << written.error().context;
    EXPECT_EQ(world_->DeadLetterCount(), 1);
  }
}

TEST_P(BatchStoreContractTest, AfterALostSessionTheOffsetsRowShowsWhatIsCommitted) {
  const auto batch = MakeBatch(0, {{.number = 1}});
  ASSERT_TRUE(Write(*store_, *batch, Until::kSums));
  world_->EndSessions();
  EXPECT_EQ(CodeOf(Await(store_->Commit())), ErrorCode::kIndeterminate);
  EXPECT_FALSE(store_->connected());
  ExpectNothing();

  ASSERT_TRUE(Await(store_->Connect()));
  EXPECT_FALSE(Await(store_->IsCommitted(*batch)).value());
  ASSERT_TRUE(Write(*store_, *batch));
  EXPECT_TRUE(Await(store_->IsCommitted(*batch)).value());
  ASSERT_TRUE(Write(*store_, *MakeBatch(1, {{.number = 2}})));
  const Result<bool> answer = Await(store_->IsCommitted(*batch));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kFenced) << "another owner went on from there";
}

TEST_P(BatchStoreContractTest, ALostSessionIsUnavailableAndCanBeReplaced) {
  const auto batch = MakeBatch(0, {{.number = 1}});
  world_->EndSessions();
  EXPECT_EQ(CodeOf(Write(*store_, *batch)), ErrorCode::kUnavailable);
  EXPECT_FALSE(store_->connected());
  ASSERT_TRUE(Await(store_->Connect()));
  ASSERT_TRUE(Write(*store_, *batch, Until::kRows));
  world_->EndSessions();
  const Result<> recorded = Await(store_->RecordOutcomes(*batch));
  ASSERT_FALSE(recorded);
  EXPECT_EQ(recorded.error().code, ErrorCode::kUnavailable);
  ASSERT_TRUE(Await(store_->Connect()));
  EXPECT_TRUE(Write(*store_, *batch));
  EXPECT_EQ(world_->RowCount(), 1);
}

}  // namespace
}  // namespace usage_ingest::sim
