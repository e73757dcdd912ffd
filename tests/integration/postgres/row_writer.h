#pragma once
// RowWriter: rows of usage_logs through a PgBatchStore, a transaction each, without a pipeline.
//
// Owner         one test; not while a task of the same store runs.
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>
#include <string>

#include "ingest/postgres/batch/pg_batch_store.h"
#include "tests/integration/postgres/run_task.h"

namespace usage_ingest::postgres {

class RowWriter {
 public:
  // Rows belong to `subscription_id`, which has the model "model-a".
  RowWriter(const std::string& conninfo, batch::ForeignKeys foreign_keys,
            const std::string& subscription_id)
      : store_(io_.get_executor(),
               {.conninfo = conninfo,
                .application_name = "usage-ingestd/test",
                .foreign_keys = foreign_keys},
               *progress_),
        subscription_id_(Uuid::Parse(subscription_id).value()) {}

  Result<> Connect() { return RunTask(io_, store_.Connect()); }
  // A transaction with one row, by COPY.
  Result<> Copy(const UsageRow& row) {
    if (auto begun = Begin(); !begun) return begun;
    const UsageRow* rows[] = {&row};
    const auto copied = RunTask(io_, store_.CopyRows(rows));
    return copied ? RunTask(io_, store_.Commit()) : End(copied.error());
  }
  // The same through the staging table.
  Result<> Stage(const UsageRow& row) {
    if (auto begun = Begin(); !begun) return begun;
    const UsageRow* rows[] = {&row};
    const auto staged = RunTask(io_, store_.StageRows(rows));
    return staged ? RunTask(io_, store_.Commit()) : End(staged.error());
  }
  // Of the last Copy: the row that the server named.
  [[nodiscard]] std::optional<std::size_t> named_row() const { return store_.failure().row; }

  // A new row at `time`.
  UsageRow Row(EventTimeUs time) {
    UsageRow row;
    row.event.id.bytes[15] = ++rows_made_;
    row.event.model_id = "model-a";
    row.event.metadata_json = "{}";
    row.event.created_at = time;
    row.owner.subscription_id = subscription_id_;
    return row;
  }

 private:
  Result<> Begin() {
    const auto begun = RunTask(io_, store_.Begin(batch_, {}));
    return begun ? Result<>() : End(begun.error());
  }
  Result<> End(const Error& error) {
    boost::asio::co_spawn(io_, store_.Reset(), boost::asio::detached);
    io_.restart();
    io_.run();
    return std::unexpected(error);
  }

  boost::asio::io_context io_;
  const std::unique_ptr<batch::ProgressStore> progress_ = batch::MakeDryRunProgress();
  batch::PgBatchStore store_;
  Uuid subscription_id_;
  pipeline::Batch batch_;
  std::uint8_t rows_made_ = 0;
};

}  // namespace usage_ingest::postgres
