#pragma once
// BatchStoreContractTest: what a lane relies on in a BatchStore, as cases that run on every one.
//
// The simulation proves nothing beyond its fake. So the fake (fake_batch_store_test.cc) and
// PgBatchStore on a real PostgreSQL (tests/integration/batch_store_contract_test.cc) pass this one
// suite; a change of what a step promises begins with a case here.
//
// Owner         a test program, which instantiates it with its StoreWorld.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ingest/pipeline/batch_store.h"

namespace usage_ingest::sim {

// A database with one subscription to "model-a" (quota: kQuota requests), a key of it, and the
// offsets row of partition 0 at 0. It refuses rows whose latency is kRefusedLatencyMs.
class StoreWorld {
 public:
  static constexpr int kQuota = 3;

  virtual ~StoreWorld() = default;
  // The session of one lane, not connected yet.
  virtual std::unique_ptr<pipeline::BatchStore> MakeStore(std::size_t lane) = 0;
  // Runs one handler of `context`; waits, or lets time pass, when none is ready.
  virtual void Step() = 0;

  // What is committed.
  virtual std::string key_hash() = 0;
  virtual std::int64_t RowCount() = 0;
  virtual std::int64_t NextOffset() = 0;
  virtual std::int64_t CountedEvents() = 0;
  virtual std::int64_t SummaryRequests() = 0;  // of all hours
  virtual std::int64_t HistoryRequests() = 0;
  virtual std::int64_t UsedRequests() = 0;
  virtual std::int64_t DeadLetterCount() = 0;

  // What others do. False: a lock is in the way.
  virtual bool TryDeleteSubscription() = 0;
  virtual void EndSessions() = 0;

  boost::asio::io_context context{1};
};
using MakeStoreWorld = std::unique_ptr<StoreWorld> (*)();

class BatchStoreContractTest : public ::testing::TestWithParam<MakeStoreWorld> {
 protected:
  // A row that a case makes up: `number` is its identity.
  struct RowSpec {
    int number = 0;
    std::optional<std::int32_t> latency_ms = std::nullopt;
    EventTimeUs created_at = kJanuary;
  };
  static constexpr EventTimeUs kJanuary{1'768'000'000'000'000};  // 2026-01-09 23:06:40 UTC
  static constexpr EventTimeUs kLongAgo{1'708'000'000'000'000};  // 2024-02-15 12:26:40 UTC
  static constexpr EventTimeUs kMonthLongAgo{1'706'745'600'000'000};

  void SetUp() override;
  std::unique_ptr<pipeline::BatchStore> MakeConnected(std::size_t lane);
  // A batch that moves partition 0 from `expected` by one record for each row.
  std::unique_ptr<pipeline::Batch> MakeBatch(std::int64_t expected,
                                             const std::vector<RowSpec>& rows);
  static std::vector<const UsageRow*> RowsOf(const pipeline::Batch& batch);
  static pipeline::Parents ParentsOf(const pipeline::Batch& batch);

  // The steps of a transaction, one after the other; the first that fails is the answer.
  enum class Until : unsigned char { kBegin, kRows, kSums, kCommit };
  Result<> Write(pipeline::BatchStore& store, const pipeline::Batch& batch,
                 Until until = Until::kCommit);
  ErrorCode CodeOf(const Result<>& result);

  template <class T>
  T Await(pipeline::Task<T> task) {
    std::optional<T> answer;
    boost::asio::co_spawn(world_->context, std::move(task),
                          [&answer](const std::exception_ptr& thrown, T value) {
                            if (thrown) std::rethrow_exception(thrown);
                            answer.emplace(std::move(value));
                          });
    while (!answer) world_->Step();
    return std::move(*answer);
  }
  void Reset(pipeline::BatchStore& store);
  void ExpectNothing();

  std::unique_ptr<StoreWorld> world_;
  std::unique_ptr<pipeline::BatchStore> store_;  // of lane 0, connected
  std::string key_hash_;
  Attribution owner_;
};

}  // namespace usage_ingest::sim
