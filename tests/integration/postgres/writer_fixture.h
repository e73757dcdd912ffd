#pragma once
// WriterTest: the real decoder, attribution and writer on a real PostgreSQL, a batch at a time.
//
// Owner         one test.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>
#include <vector>

#include "ingest/pipeline/batch_assembler.h"
#include "ingest/pipeline/batch_writer.h"
#include "ingest/postgres/batch/pg_batch_store.h"
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/integration/postgres/run_task.h"

namespace usage_ingest::postgres {

class WriterTest : public PostgresTest {
 protected:
  static constexpr std::int64_t kSecondUs = 1'000'000;

  // A role "ingest" as the daemon has it.
  explicit WriterTest(batch::PgBatchStoreOptions options)
      : database_(CreateMigrated("litemaas")), options_(std::move(options)) {
    Populate(database_, 2);
    database_.Execute(
        "INSERT INTO usage_ingest.kafka_offsets (group_id, topic, partition, next_offset) VALUES "
        "('g', 't', 0, 0)");
    CreateDaemonRole("ingest", "litemaas", /*fast=*/true);
    options_.conninfo = postgres_.conninfo("litemaas", "ingest");
    options_.application_name = "usage-ingestd/test";
    subscription_ = database_.Value(
        "SELECT id FROM subscriptions WHERE model_id = 'model-a' ORDER BY id LIMIT 1");
    key_hash_ = database_.Value("SELECT key_hash FROM api_keys WHERE subscription_id = '" +
                                subscription_ + "'");
  }

  // An event of `subscription_` in the next batch.
  void Add(std::int64_t created_at_us, std::int32_t tokens = 1) {
    const std::string second = std::to_string(created_at_us / kSecondUs);
    const std::string& value = *texts_.emplace_back(std::make_unique<std::string>(
        R"({"id":"event-)" + std::to_string(texts_.size()) +
        R"(","status":"success","startTime":)" + second + R"(,"endTime":)" + second +
        R"(,"prompt_tokens":)" + std::to_string(tokens) +
        R"(,"completion_tokens":0,"model_group":"model-a","metadata":{"user_api_key_hash":")" +
        key_hash_ + R"("}})"));
    pipeline::Record record;
    record.source = &source_;
    record.offset = Offset{static_cast<std::int64_t>(texts_.size()) - 1};
    record.value = value;
    assembler_.AddDetached(batch_, std::move(record));
  }
  // The batch is empty then.
  Result<pipeline::WriteResult> Write() {
    batch::PgBatchStore store(io_.get_executor(), options_, *progress_);
    pipeline::BatchWriter writer({}, store, attributor_, sink_, {io_.get_executor(), clock_});
    Result<pipeline::WriteResult> written = RunTask(io_, writer.Write(batch_));
    batch_.Clear();
    return written;
  }
  [[nodiscard]] std::int64_t Number(const std::string& sql) { return database_.Number(sql); }

  Database database_;
  batch::PgBatchStoreOptions options_;
  std::string subscription_;

 private:
  class IgnoringSink final : public pipeline::TelemetrySink {
   public:
    void On(const pipeline::TelemetryEvent& /*event*/) override {}
  };

  std::string key_hash_;
  boost::asio::io_context io_;
  pipeline::SystemClock clock_;
  IgnoringSink sink_;
  std::vector<std::unique_ptr<std::string>> texts_;
  const TopicPartition source_{"t", PartitionId{0}};
  const std::atomic<std::uint64_t> epoch_{0};
  pipeline::BatchAssembler assembler_{{.metadata_keys = {}}, clock_, epoch_};
  pipeline::Attributor attributor_{1000, [this](std::string_view value, std::uint32_t index) {
                                     return assembler_.DeadLetterPayload(value, index);
                                   }};
  const std::unique_ptr<batch::ProgressStore> progress_ = batch::MakeGroupProgress("g");
  pipeline::Batch batch_;
};

}  // namespace usage_ingest::postgres
