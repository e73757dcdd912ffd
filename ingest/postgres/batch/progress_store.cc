#include "ingest/postgres/batch/progress_store.h"

#include <utility>

#include "ingest/postgres/batch/batch_params.h"
#include "ingest/postgres/batch/progress_sql.h"
#include "ingest/postgres/batch/statements.h"

namespace usage_ingest::postgres::batch {
namespace {

// Rows of usage_ingest.replays; without `replay_ids` those of the group in kafka_offsets.
class OffsetProgress final : public ProgressStore {
 public:
  explicit OffsetProgress(std::string group_id,
                          std::optional<std::vector<std::int64_t>> replay_ids = {})
      : sql_(replay_ids ? ReplayProgressSql() : GroupProgressSql()),
        group_id_(std::move(group_id)),
        replay_ids_(std::move(replay_ids)) {}

  session::Statement CompareAndSet(const pipeline::Batch& batch) const override {
    return {sql_.compare_and_set.c_str(), MoveParams(Reader(), batch.partitions)};
  }
  std::size_t RowsToSet(const pipeline::Batch& batch) const override {
    return batch.partitions.size();
  }
  std::optional<session::Statement> AddDeadLetters(
      std::span<const pipeline::DeadLetter> letters) const override {
    return session::Statement{sql::kAddDeadLetters, DeadLetterParams(group_id_, letters)};
  }
  std::optional<session::Statement> RecordOutcomes(const pipeline::Batch& batch) const override {
    return session::Statement{sql_.record_outcomes.c_str(),
                              OutcomeParams(Reader(), sql_.columns, batch.partitions)};
  }
  std::optional<session::Statement> ReadOffsets(const pipeline::Batch& batch) const override {
    return session::Statement{sql_.read_offsets.c_str(),
                              PositionParams(Reader(), batch.partitions)};
  }

 private:
  // $1 of each statement of `sql_`: what identifies the rows.
  session::QueryParams Reader() const {
    session::QueryParams params;
    if (!replay_ids_) {
      params.Add(group_id_);
      return params;
    }
    session::PgArray ids(session::PgType::kInt8);
    for (const std::int64_t id : *replay_ids_) ids.Add(id);
    params.Add(ids);
    return params;
  }

  const ProgressSql& sql_;
  std::string group_id_;  // also of the dead letters
  std::optional<std::vector<std::int64_t>> replay_ids_;
};

class DryRunProgress final : public ProgressStore {
 public:
  session::Statement CompareAndSet(const pipeline::Batch&) const override {
    return {"SELECT 1", {}};
  }
  std::size_t RowsToSet(const pipeline::Batch&) const override { return 1; }
  std::optional<session::Statement> AddDeadLetters(
      std::span<const pipeline::DeadLetter> letters) const override {
    return session::Statement{sql::kAddDeadLetters, DeadLetterParams("", letters)};
  }
};

}  // namespace

std::unique_ptr<ProgressStore> MakeGroupProgress(std::string group_id) {
  return std::make_unique<OffsetProgress>(std::move(group_id));
}

std::unique_ptr<ProgressStore> MakeReplayProgress(std::string group_id,
                                                  std::vector<std::int64_t> replay_ids) {
  return std::make_unique<OffsetProgress>(std::move(group_id), std::move(replay_ids));
}

std::unique_ptr<ProgressStore> MakeDryRunProgress() { return std::make_unique<DryRunProgress>(); }

}  // namespace usage_ingest::postgres::batch
