#include "ingest/postgres/batch/progress_store.h"

#include <utility>

#include "ingest/postgres/batch/batch_params.h"
#include "ingest/postgres/batch/progress_sql.h"
#include "ingest/postgres/batch/statements.h"

namespace usage_ingest::postgres::batch {
namespace {

// The reader is $1 of each statement of `sql_`, and identifies its rows.
class OffsetProgress : public ProgressStore {
 public:
  OffsetProgress(const ProgressSql& sql, std::string group_id)
      : sql_(sql), group_id_(std::move(group_id)) {}

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

 protected:
  [[nodiscard]] virtual session::QueryParams Reader() const = 0;
  [[nodiscard]] const std::string& group_id() const { return group_id_; }

 private:
  const ProgressSql& sql_;
  std::string group_id_;  // also of the dead letters
};

class GroupProgress final : public OffsetProgress {
 public:
  explicit GroupProgress(std::string group_id)
      : OffsetProgress(GroupProgressSql(), std::move(group_id)) {}

 private:
  session::QueryParams Reader() const override {
    session::QueryParams params;
    params.Add(group_id());
    return params;
  }
};

class ReplayProgress final : public OffsetProgress {
 public:
  ReplayProgress(std::string group_id, std::vector<std::int64_t> ids)
      : OffsetProgress(ReplayProgressSql(), std::move(group_id)), ids_(std::move(ids)) {}

 private:
  session::QueryParams Reader() const override {
    session::PgArray ids(session::PgType::kInt8);
    for (const std::int64_t id : ids_) ids.Add(id);
    session::QueryParams params;
    params.Add(ids);
    return params;
  }

  std::vector<std::int64_t> ids_;
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
  std::optional<session::Statement> RecordOutcomes(const pipeline::Batch&) const override {
    return std::nullopt;
  }
  std::optional<session::Statement> ReadOffsets(const pipeline::Batch&) const override {
    return std::nullopt;
  }
};

}  // namespace

std::unique_ptr<ProgressStore> MakeGroupProgress(std::string group_id) {
  return std::make_unique<GroupProgress>(std::move(group_id));
}

std::unique_ptr<ProgressStore> MakeReplayProgress(std::string group_id,
                                                  std::vector<std::int64_t> replay_ids) {
  return std::make_unique<ReplayProgress>(std::move(group_id), std::move(replay_ids));
}

std::unique_ptr<ProgressStore> MakeDryRunProgress() { return std::make_unique<DryRunProgress>(); }

}  // namespace usage_ingest::postgres::batch
