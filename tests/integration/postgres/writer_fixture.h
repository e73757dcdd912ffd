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
#include "ingest/postgres/background/dead_letter_retrier.h"
#include "ingest/postgres/batch/pg_batch_store.h"
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/integration/postgres/run_task.h"

namespace usage_ingest::postgres {

class WriterTest : public PostgresTest {
 protected:
  static constexpr std::int64_t kSecondUs = 1'000'000;
  static constexpr char kRole[] = "ingest";

  // The role is as the daemon has it.
  explicit WriterTest(const support::PostgresOptions& postgres = {.fsync = false})
      : PostgresTest(postgres), database_(CreateMigrated("litemaas")) {
    Populate(database_, 2);
    database_.Execute(
        "INSERT INTO usage_ingest.kafka_offsets (group_id, topic, partition, next_offset) VALUES "
        "('g', 't', 0, 0)");
    CreateDaemonRole(kRole, "litemaas", /*fast=*/true);
    options_.conninfo = postgres_.conninfo("litemaas", kRole);
    options_.application_name = "usage-ingestd/test";
    for (const auto& row :
         database_.Query("SELECT s.id, a.key_hash FROM subscriptions AS s JOIN api_keys AS a ON "
                         "a.subscription_id = s.id WHERE model_id = 'model-a' ORDER BY s.id")) {
      subscriptions_.push_back(row.at(0).value());
      key_hashes_.push_back(row.at(1).value());
    }
  }

  // An event of one of the two users of model-a in the next batch. It stays pending until the
  // writer attributes it.
  // `more` is JSON: further fields, with a comma before each.
  void Add(std::size_t user, std::int64_t created_at_us, std::int32_t tokens,
           const std::string& more = "") {
    const std::string second = std::to_string(created_at_us / kSecondUs);
    AddJson(user, R"("status":"success","startTime":)" + second + R"(,"endTime":)" + second +
                      R"(,"prompt_tokens":)" + std::to_string(tokens) +
                      R"(,"completion_tokens":0)" + more);
  }
  // The same with these members, and these of its metadata.
  void AddJson(std::size_t user, const std::string& members, const std::string& metadata = "") {
    AddRecord(*texts_.emplace_back(std::make_unique<std::string>(
        R"({"id":"event-)" + std::to_string(texts_.size()) + R"(",)" + members +
        R"(,"model_group":"model-a","metadata":{"user_api_key_hash":")" + key_hashes_[user] +
        R"(")" + (metadata.empty() ? "" : "," + metadata) + "}}")));
  }
  // A record that becomes a dead letter.
  void AddNoJson() { AddRecord(*texts_.emplace_back(std::make_unique<std::string>("no JSON"))); }
  // All events so far, in the next batch again.
  void RepeatAll() {
    for (const auto& text : texts_) AddRecord(*text);
  }
  // The batch is empty then.
  Result<pipeline::WriteResult> Write() {
    batch::PgBatchStore store(io_.get_executor(), options_, *progress_);
    pipeline::BatchWriter writer({}, store, attributor_, sink_, {io_.get_executor(), clock_});
    Result<pipeline::WriteResult> written = RunTask(io_, writer.Write(batch_));
    batch_.Clear();
    return written;
  }
  // The daemon's own retry of dead letters.
  Result<background::RetryReport> Retry() {
    background::DeadLetterRetrier retrier(options_, {.metadata_keys = {}}, sink_,
                                          {io_.get_executor(), clock_});
    return RunTask(io_, retrier.Retry({}));
  }
  [[nodiscard]] std::int64_t Number(const std::string& sql) { return database_.Number(sql); }

  Database database_;
  batch::PgBatchStoreOptions options_;
  bool counts_quotas_ = true;               // of the next events
  std::vector<std::string> subscriptions_;  // of the two users

 private:
  class IgnoringSink final : public pipeline::TelemetrySink {
   public:
    void On(const pipeline::TelemetryEvent& /*event*/) override {}
  };

  void AddRecord(const std::string& value) {
    pipeline::Record record;
    record.source = &source_;
    record.offset = Offset{records_++};
    record.value = value;
    record.counts_quotas = counts_quotas_;
    assembler_.AddDetached(batch_, std::move(record));
  }

  std::vector<std::string> key_hashes_;
  std::int64_t records_ = 0;
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
