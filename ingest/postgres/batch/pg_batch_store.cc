#include "ingest/postgres/batch/pg_batch_store.h"

#include <array>
#include <cstdlib>
#include <utility>

#include "ingest/postgres/batch/batch_params.h"
#include "ingest/postgres/batch/batch_results.h"
#include "ingest/postgres/batch/copy_encoder.h"
#include "ingest/postgres/batch/copy_path.h"
#include "ingest/postgres/batch/lock_waits.h"
#include "ingest/postgres/batch/statements.h"
#include "ingest/postgres/batch/sum_statements.h"
#include "ingest/postgres/batch/usage_log_columns.h"
#include "schema/check.h"
#include "schema/limits.h"

namespace usage_ingest::postgres::batch {
namespace {

using std::chrono::steady_clock;

// The seed's row trigger must not sum up our rows: its WHEN looks at this setting.
constexpr const char* kBegin = "BEGIN";
constexpr const char* kRollback = "ROLLBACK";
constexpr const char* kTakeOver = "SET LOCAL usage_ingest.aggregating = 'on'";

std::string CopyInto(std::string_view table) {
  return "COPY " + std::string(table) + " (" + UsageLogColumnNames() +
         ") FROM STDIN (FORMAT binary)";
}
const std::string kCopyRows = CopyInto("public.usage_logs");
const std::string kCopyStage = CopyInto("pg_temp.usage_ingest_stage");
// Dropped at COMMIT: no other session can freeze a temporary table, and one that lives as long as
// its session would hold back the freeze horizon of the database.
const std::string kMakeStage =
    "CREATE TEMPORARY TABLE IF NOT EXISTS usage_ingest_stage ON COMMIT DROP AS SELECT " +
    UsageLogColumnNames() + " FROM public.usage_logs WITH NO DATA";
// Sorted as every writer sorts, so that two with the same ids wait for each other in one order.
const std::string kInsertStaged = "INSERT INTO public.usage_logs (" + UsageLogColumnNames() +
                                  ") SELECT * FROM pg_temp.usage_ingest_stage ORDER BY id "
                                  "ON CONFLICT (id, created_at) DO NOTHING RETURNING id";
constexpr const char* kClearStage = "DELETE FROM pg_temp.usage_ingest_stage";
// Staged, and there is no such row: neither inserted nor a duplicate.
constexpr const char* kFindDeclined =
    "SELECT s.id FROM pg_temp.usage_ingest_stage AS s WHERE NOT EXISTS (SELECT FROM "
    "public.usage_logs AS u WHERE u.id = s.id AND u.created_at = s.created_at) ORDER BY s.id";

}  // namespace

PgBatchStore::PgBatchStore(boost::asio::any_io_executor executor, PgBatchStoreOptions options,
                           const ProgressStore& progress)
    : executor_(executor),
      options_(std::move(options)),
      progress_(progress),
      connection_(std::move(executor), options_.conninfo, options_.application_name) {}

pipeline::Task<Result<>> PgBatchStore::Connect() {
  StopWatch();
  const Result<> connected = co_await connection_.Connect();
  if (!connected) co_return connected;
  co_return co_await AskCatalogue();
}

pipeline::Task<Result<>> PgBatchStore::AskCatalogue() {
  // The version first: DDL between the two is then seen in the next batch.
  const std::array<session::Statement, 3> statements = {session::Statement{kAskCopyPathVersion, {}},
                                                        session::Statement{kAskHasSpend, {}},
                                                        session::Statement{kAskCopyPath, {}}};
  const auto answers = co_await connection_.Pipeline(statements);
  if (!answers) co_return std::unexpected(answers.error());
  const CopyPath path = ReadCopyPath(answers->back().get());
  const Result<bool> skips = SkipsConstraints(path, options_.foreign_keys);
  if (!skips) co_return std::unexpected(skips.error());
  skips_constraints_ = *skips;
  has_triggers_ = !skips_constraints_ && !path.triggers.empty();
  const bool has_spend = session::Int64At((*answers)[1].get(), 0, 0) != 0;
  spend_ = options_.keeps_spend && has_spend ? Spend::kAdded : Spend::kLeftAlone;
  copy_path_version_ = PQgetvalue(answers->front().get(), 0, 0);
  co_return Result<>{};
}

pipeline::Task<> PgBatchStore::Reset() {
  StopWatch();
  if (!connection_.connected()) co_return;
  if (connection_.in_transaction()) {
    const Result<> rolled_back = co_await connection_.ExecuteScript(kRollback);
    if (!rolled_back) connection_.Close();
  }
  if (letter_ids_collide_ && connection_.connected()) {
    letter_ids_collide_ = false;
    const Result<> advanced = co_await connection_.ExecuteScript(sql::kAdvanceLetterIds);
    if (!advanced && !connection_.connected()) co_return;
    // ignored because the next attempt fails as this one did, and says why
  }
}

// The rows of progress were written in that transaction, so they tell.
pipeline::Task<Result<bool>> PgBatchStore::IsCommitted(const pipeline::Batch& batch) {
  const std::optional<session::Statement> statement = progress_.ReadOffsets(batch);
  if (!statement) co_return false;
  const Result<session::PgResult> answer = co_await connection_.Execute(*statement);
  if (!answer) co_return std::unexpected(answer.error());
  USAGE_INGEST_CHECK(PQntuples(answer->get()) == static_cast<int>(batch.partitions.size()));
  std::size_t done = 0;
  std::size_t untouched = 0;
  for (std::size_t i = 0; i < batch.partitions.size(); ++i) {
    if (PQgetisnull(answer->get(), static_cast<int>(i), 0) != 0) continue;
    const Offset stored{session::Int64At(answer->get(), static_cast<int>(i), 0)};
    done += stored == batch.partitions[i].next_offset ? 1u : 0u;
    untouched += stored == batch.partitions[i].expected ? 1u : 0u;
  }
  if (done == batch.partitions.size()) co_return true;
  if (untouched == batch.partitions.size()) co_return false;
  co_return Fail(ErrorCode::kFenced,
                 "after a lost COMMIT reply the offsets are those of another owner");
}

pipeline::Task<Result<std::vector<pipeline::AttributionAnswer>>> PgBatchStore::Attribute(
    std::span<const pipeline::AttributionQuestion> questions) {
  static constexpr std::array<std::string_view, 4> kMissing = {
      "", "no api key has this hash, and no user is named",
      "neither a known key nor a known user is named",
      "the user has no subscription to this model"};
  const session::Statement statement{sql::kAttribute, QuestionParams(questions)};
  const Result<session::PgResult> result = co_await connection_.Execute(statement);
  if (!result) co_return std::unexpected(result.error());
  const PGresult* rows = result->get();
  USAGE_INGEST_CHECK(PQntuples(rows) == static_cast<int>(questions.size()));
  std::vector<pipeline::AttributionAnswer> answers(questions.size());
  for (int row = 0; row < PQntuples(rows); ++row) {
    pipeline::AttributionAnswer& answer = answers[static_cast<std::size_t>(row)];
    const Uuid subscription = UuidAt(rows, row, 0);
    answer.missing = kMissing.at(static_cast<std::size_t>(session::Int64At(rows, row, 3)));
    if (!subscription.is_nil()) {
      answer.owner = Attribution{subscription, UuidAt(rows, row, 1), UuidAt(rows, row, 2)};
    }
  }
  co_return answers;
}

pipeline::Task<Result<>> PgBatchStore::EnsurePartition(EventTimeUs time) {
  session::Statement statement{
      "SELECT usage_ingest.ensure_partition(($1::timestamptz AT TIME ZONE 'UTC')::date)", {}};
  statement.params.Add(time);
  const Result<session::PgResult> answer =
      co_await connection_.Execute(statement, session::SqlStep::kSums);
  if (answer) co_return Result<>{};
  Error error = answer.error();
  // It does not become less by a smaller batch: attaching beside a large DEFAULT partition.
  if (error.code == ErrorCode::kTooLarge) error.code = ErrorCode::kRejected;
  co_return std::unexpected(error);
}

pipeline::Task<Result<pipeline::BeginResult>> PgBatchStore::Begin(
    const pipeline::Batch& batch, const pipeline::Parents& parents) {
  is_stage_used_ = is_in_piece_ = false;
  std::vector<session::Statement> statements;
  statements.push_back({kBegin, {}});
  statements.push_back({kTakeOver, {}});
  if (blocked_since_ && steady_clock::now() - *blocked_since_ > limits::kStalledBlocksMax) {
    // Wait longer than the watch needs to find the session that blocks us and to end it. Only for
    // the first lock: a session that holds none cannot be part of a cycle.
    statements.push_back({WaitLongForLocks(), {}});
    StartWatch(std::chrono::milliseconds(0));
  }
  const std::size_t set_statement = statements.size();
  statements.push_back(progress_.CompareAndSet(batch));
  if (watch_) statements.push_back({WaitShortForLocks(), {}});
  const std::size_t parents_statement = statements.size();
  statements.push_back({sql::kLockParents, ParentParams(parents)});
  const bool has_periods = options_.has_quota_periods && !parents.subscriptions.empty();
  if (has_periods)
    statements.push_back(session::Statement{sql::kQuotaPeriods, QuotaPeriodParams(batch, parents)});
  statements.push_back({kAskCopyPathVersion, {}});

  const auto results = co_await connection_.Pipeline(statements);
  if (!results) co_return Failed(results.error());
  const std::int64_t rows_set = std::atoll(PQcmdTuples((*results)[set_statement].get()));
  if (rows_set != static_cast<std::int64_t>(progress_.RowsToSet(batch))) {
    co_return Fail(ErrorCode::kFenced,
                   "the stored offsets are not what this process expects: another owner has moved "
                   "them, or the database has lost transactions");
  }
  if (copy_path_version_ != PQgetvalue(results->back().get(), 0, 0)) {
    const Result<> chosen = co_await AskCatalogue();
    if (!chosen) co_return std::unexpected(chosen.error());
  }
  pipeline::BeginResult begun{.gone = GoneParents((*results)[parents_statement].get()),
                              .periods = {}};
  if (!has_periods) co_return begun;
  QuotaPeriodsFound found = QuotaPeriodsOf((*results)[parents_statement + 1].get());
  if (!found.due.empty()) {
    const std::array<session::Statement, 2> start = {
        session::Statement{sql::kStartQuotaPeriods, IdParams(found.due)},
        session::Statement{sql::kQuotaPeriods, QuotaPeriodParams(batch, parents)}};
    const auto started = co_await connection_.Pipeline(start, session::SqlStep::kSums);
    if (!started) co_return Failed(started.error());
    found = QuotaPeriodsOf(started->back().get());
  }
  begun.periods = std::move(found.periods);
  co_return begun;
}

pipeline::Task<Result<>> PgBatchStore::BeginPiece() {
  is_in_piece_ = true;
  co_return co_await connection_.ExecuteScript(sql::kBeginPiece);
}

pipeline::Task<Result<>> PgBatchStore::EndPiece(pipeline::PieceEnd end) {
  const bool keeps = end == pipeline::PieceEnd::kKeep;
  const Result<> ended = co_await connection_.ExecuteScript(
      keeps ? sql::kKeepPiece : sql::kUndoPiece, session::SqlStep::kSums);
  if (!ended) co_return Failed(ended.error());
  co_return ended;
}

// A lock may be refused at any step: a stopped process holds offsets rows, and in COPY the ids of
// its rows.
std::unexpected<Error> PgBatchStore::Failed(const Error& error, steady_clock::time_point begun) {
  if (error.code != ErrorCode::kConflict) {
    blocked_since_.reset();
  } else if (!blocked_since_) {
    blocked_since_ = begun;
  }
  return std::unexpected(error);
}

void PgBatchStore::StartWatch(std::chrono::milliseconds start_after) {
  watch_ = StalledSessionWatch::Start(executor_, {.conninfo = options_.conninfo,
                                                  .waiting_pid = connection_.backend_pid(),
                                                  .activities = activities_,
                                                  .start_after = start_after});
}

void PgBatchStore::StopWatch() {
  if (watch_) watch_->Stop();
  watch_.reset();
}

pipeline::Task<Result<>> PgBatchStore::EnterCopyPath() {
  if (!skips_constraints_) co_return Result<>{};
  co_return co_await connection_.ExecuteScript("SET LOCAL session_replication_role = replica");
}

// Back to origin before anything else: the quota trigger must fire for the counters' update.
pipeline::Task<Result<>> PgBatchStore::LeaveCopyPath() {
  if (!skips_constraints_) co_return Result<>{};
  co_return co_await connection_.ExecuteScript("SET LOCAL session_replication_role = origin");
}

pipeline::Task<Result<std::int64_t>> PgBatchStore::Copy(const char* sql,
                                                        std::span<const UsageRow* const> rows) {
  failure_ = {};
  CopyEncoder encoder(rows);
  const Result<std::int64_t> copied =
      co_await connection_.CopyIn(sql, [&encoder] { return encoder.Next(); });
  if (copied) co_return copied;
  if (connection_.message_language() == session::MessageLanguage::kEnglish) {
    failure_.row = RowOfContext(copied.error().context);
  }
  co_return Failed(copied.error());
}

// Two statements: the second one must see what others committed before the locks were free.
pipeline::Task<Result<std::vector<Uuid>>> PgBatchStore::LockJobs(std::span<const Uuid> ids) {
  std::vector<session::Statement> statements;
  for (const char* sql : {sql::kLockJobs, sql::kFindJobs}) {
    statements.push_back({sql, IdParams(ids)});
  }
  const auto results = co_await connection_.Pipeline(statements);
  if (!results) co_return Failed(results.error());
  co_return IdsOf((*results)[1].get());
}

pipeline::Task<Result<std::int64_t>> PgBatchStore::CopyRows(std::span<const UsageRow* const> rows) {
  const Result<> entered = co_await EnterCopyPath();
  if (!entered) co_return std::unexpected(entered.error());
  const Result<std::int64_t> copied = co_await Copy(kCopyRows.c_str(), rows);
  if (!copied) co_return copied;
  const Result<> left = co_await LeaveCopyPath();
  if (!left) co_return std::unexpected(left.error());
  if (*copied != static_cast<std::int64_t>(rows.size())) {
    co_return Fail(ErrorCode::kRejected, "usage_logs took " + std::to_string(*copied) + " of " +
                                             std::to_string(rows.size()) +
                                             " rows: a BEFORE INSERT trigger declines the others");
  }
  co_return copied;
}

pipeline::Task<Result<pipeline::StagedRows>> PgBatchStore::StageRows(
    std::span<const UsageRow* const> rows) {
  const Result<> made = co_await connection_.ExecuteScript(kMakeStage.c_str());
  if (!made) co_return std::unexpected(made.error());
  if (is_stage_used_) {
    const Result<> cleared = co_await connection_.ExecuteScript(kClearStage);
    if (!cleared) co_return std::unexpected(cleared.error());
  }
  is_stage_used_ = true;
  const Result<std::int64_t> copied = co_await Copy(kCopyStage.c_str(), rows);
  if (!copied) co_return std::unexpected(copied.error());
  const Result<> entered = co_await EnterCopyPath();
  if (!entered) co_return std::unexpected(entered.error());
  const session::Statement statement{kInsertStaged.c_str(), {}};
  const Result<session::PgResult> inserted =
      co_await connection_.Execute(statement, session::SqlStep::kInsert);
  if (!inserted) co_return Failed(inserted.error());
  const Result<> left = co_await LeaveCopyPath();
  if (!left) co_return std::unexpected(left.error());
  pipeline::StagedRows staged{.inserted = IdsOf(inserted->get()), .declined = {}};
  // Only a trigger of another program changes or declines rows.
  if (!has_triggers_) co_return staged;
  if (!HasOnlyIdsOf(rows, staged.inserted)) {
    co_return Fail(ErrorCode::kRejected, "a BEFORE INSERT trigger changes the ids of rows");
  }
  if (staged.inserted.size() == rows.size()) co_return staged;
  auto declined = co_await FindDeclined();
  if (!declined) co_return std::unexpected(declined.error());
  staged.declined = std::move(*declined);
  co_return staged;
}

pipeline::Task<Result<std::vector<Uuid>>> PgBatchStore::FindDeclined() {
  const session::Statement statement{kFindDeclined, {}};
  const Result<session::PgResult> declined = co_await connection_.Execute(statement);
  if (!declined) co_return Failed(declined.error());
  co_return IdsOf(declined->get());
}

pipeline::Task<Result<pipeline::QuotaChanges>> PgBatchStore::AddSums(
    const aggregate::Deltas& deltas) {
  if (deltas.summaries.empty()) co_return pipeline::QuotaChanges{};
  // A lane that is refused here repeats its whole batch, so it waits longer than for a row, and a
  // process that was stopped in its turn is ended. A batch in pieces takes long and would delay the
  // others: it waits for rows only.
  const bool takes_turn = !is_in_piece_;
  const bool starts_watch = takes_turn && (!watch_ || watch_->has_ended());
  const auto begun = steady_clock::now();
  if (starts_watch) StartWatch(limits::kStalledTurnBlocksMax);
  const SumStatements sums(deltas, {.takes_turn = takes_turn,
                                    .has_history = options_.has_history,
                                    .has_quota_periods = options_.has_quota_periods,
                                    .spend = spend_,
                                    .warn_at_percent = options_.warn_at_percent});
  const auto results = co_await connection_.Pipeline(sums.statements(), session::SqlStep::kSums);
  if (starts_watch) StopWatch();
  if (!results) co_return Failed(results.error(), begun);
  co_return sums.Read(*results);
}

pipeline::Task<Result<>> PgBatchStore::AddDeadLetters(
    std::span<const pipeline::DeadLetter> letters) {
  const std::optional<session::Statement> statement = progress_.AddDeadLetters(letters);
  if (!statement) co_return Result<>{};
  const Result<session::PgResult> added = co_await connection_.Execute(*statement);
  if (added) co_return Result<>{};
  letter_ids_collide_ = added.error().context.find("dead_letters_pkey") != std::string::npos;
  co_return Failed(added.error());
}

pipeline::Task<Result<>> PgBatchStore::RecordOutcomes(const pipeline::Batch& batch) {
  std::vector<session::Statement> statements;
  std::optional<session::Statement> outcomes = progress_.RecordOutcomes(batch);
  if (outcomes) statements.push_back(std::move(*outcomes));
  if (const UsageRow* row = LastInserted(batch)) {
    session::Statement sample{sql::kSampleRow, {}};
    sample.params.Add(row->event.id).Add(row->event.created_at).Add(row->owner.subscription_id);
    statements.push_back(std::move(sample));
    if (options_.keeps_last_used) statements.push_back({sql::kNoteKeyUse, KeyUseParams(batch)});
  }
  if (statements.empty()) co_return Result<>{};
  const auto results = co_await connection_.Pipeline(statements);
  if (results) co_return Result<>{};
  co_return Failed(results.error());
}

pipeline::Task<Result<>> PgBatchStore::Commit() {
  const Result<> committed = co_await connection_.ExecuteScript(
      options_.dry_run ? kRollback : "COMMIT", session::SqlStep::kSums);
  if (committed) {
    blocked_since_.reset();
    StopWatch();
    co_return committed;
  }
  // With the session gone only the offsets row tells; with it alive the server has refused.
  if (!connection_.connected()) {
    co_return Fail(ErrorCode::kIndeterminate,
                   "the reply to COMMIT was lost: " + committed.error().context);
  }
  co_return committed;
}

}  // namespace usage_ingest::postgres::batch
