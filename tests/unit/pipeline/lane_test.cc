#include "ingest/pipeline/lane.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <vector>

namespace usage_ingest::ingest {
namespace {

using namespace std::chrono_literals;

const TopicPartition kSource{"t", PartitionId{0}};

class SilentObserver final : public PipelineObserver {
 public:
  void Fenced(std::string_view) override { ++fenced; }

  int fenced = 0;
};

// Takes everything, but fences the batches of the first epoch, and that when it is told to.
class FencingStore final : public BatchStore {
 public:
  explicit FencingStore(const Runtime& runtime) : runtime_(runtime), released_(runtime) {}

  Task<Result<>> Connect() override {
    connected_ = true;
    co_return Result<>{};
  }
  [[nodiscard]] bool connected() const override { return connected_; }
  Task<> Reset() override { co_return; }
  Task<Result<bool>> IsCommitted(const Batch&) override { co_return false; }
  Task<Result<std::vector<AttributionAnswer>>> Attribute(
      std::span<const AttributionQuestion> questions) override {
    co_return std::vector<AttributionAnswer>(questions.size());
  }
  Task<Result<>> EnsurePartition(EventTimeUs) override { co_return Result<>{}; }
  Task<Result<Parents>> Begin(const Batch& batch, const Parents&) override {
    begun.push_back(batch.partitions.front().epoch);
    if (begun.back() != Epoch{1}) co_return Parents{};
    co_await released_.WaitUntil(runtime_.clock.Now() + 1h);
    co_return Fail(ErrorCode::kFenced, "another owner went on");
  }
  Task<Result<>> BeginTrial() override { co_return Result<>{}; }
  Task<Result<std::int64_t>> CopyRows(std::span<const UsageRow* const> rows) override {
    co_return static_cast<std::int64_t>(rows.size());
  }
  Task<Result<std::vector<Uuid>>> StageRows(std::span<const UsageRow* const>) override {
    co_return std::vector<Uuid>{};
  }
  [[nodiscard]] CopyFailure failure() const override { return {}; }
  Task<Result<std::int64_t>> Apply(const aggregate::Deltas&, const Batch&) override { co_return 0; }
  Task<Result<>> Commit() override { co_return Result<>{}; }

  void Release() { released_.Notify(); }
  std::vector<Epoch> begun;

 private:
  Runtime runtime_;
  Wakeup released_;
  bool connected_ = false;
};

class LaneTest : public ::testing::Test {
 protected:
  LaneTest() {
    LaneOptions options;
    options.linger = 0ms;
    lane_.emplace(std::move(options), queue_.MakeConsumer(),
                  LaneLinks{store_, observer_, inbox_, epoch_}, runtime_);
    boost::asio::co_spawn(context_, lane_->Run(), boost::asio::detached);
  }
  ~LaneTest() override {
    lane_->Stop();
    Run();
  }
  // An epoch begins at offset 0 and brings one record, a tombstone: it is counted and skipped.
  void BringEpoch(std::uint64_t number) {
    epoch_ = number;
    for (const Record::Kind kind : {Record::Kind::kStart, Record::Kind::kMessage}) {
      Record record;
      record.kind = kind;
      record.source = &kSource;
      record.epoch = Epoch{number};
      record.is_tombstone = true;
      ASSERT_TRUE(producer_.TryPush(record));
    }
  }
  // Until everybody waits.
  void Run() {
    context_.restart();
    context_.poll();
  }
  // The offset up to which `epoch` is said to be stored; -1: nothing is.
  std::int64_t CommittedIn(Epoch epoch) {
    std::int64_t next = -1;
    ConsumerMessage message;
    while (inbox_.Take(message)) {
      const auto* committed = std::get_if<Committed>(&message);
      if (committed != nullptr && committed->epoch == epoch) next = committed->next_offset.value;
    }
    return next;
  }

  boost::asio::io_context context_{1};
  SystemClock clock_;
  Runtime runtime_{context_.get_executor(), clock_};
  SilentObserver observer_;
  FencingStore store_{runtime_};
  ConsumerInbox inbox_;
  std::atomic<std::uint64_t> epoch_{0};
  LaneQueue queue_{{.records_max = 64, .bytes_max = 1 << 20}, [this] { lane_->Wake(); }};
  std::optional<Lane> lane_;
  LaneQueue::Producer producer_ = queue_.MakeProducer();
};

// The story: the writer learnt that a batch was fenced after the next epoch's records had come, and
// threw those away with it. The consumer had delivered them, so they stayed unread until their
// partition got another record.
TEST_F(LaneTest, AFencedBatchLeavesTheRecordsOfTheNextEpochAlone) {
  BringEpoch(1);
  Run();
  ASSERT_EQ(store_.begun, std::vector{Epoch{1}});
  BringEpoch(2);
  Run();
  ASSERT_EQ(queue_.records(), 0U) << "decoded, while the writer is busy";
  store_.Release();
  Run();
  EXPECT_EQ(observer_.fenced, 1);
  EXPECT_EQ(store_.begun, (std::vector{Epoch{1}, Epoch{2}}));
  EXPECT_EQ(CommittedIn(Epoch{2}), 1);
}

TEST_F(LaneTest, AFencedBatchTakesTheRestOfItsEpochWithIt) {
  BringEpoch(1);
  Run();
  Record next;
  next.source = &kSource;
  next.epoch = Epoch{1};
  next.offset = Offset{1};
  next.is_tombstone = true;
  ASSERT_TRUE(producer_.TryPush(next));
  Run();
  store_.Release();
  Run();
  EXPECT_EQ(observer_.fenced, 1);
  EXPECT_EQ(store_.begun, std::vector{Epoch{1}});
  EXPECT_EQ(CommittedIn(Epoch{1}), -1);
}

}  // namespace
}  // namespace usage_ingest::ingest
