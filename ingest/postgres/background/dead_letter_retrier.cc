#include "ingest/postgres/background/dead_letter_retrier.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "ingest/postgres/batch/statements.h"

namespace usage_ingest::postgres::background {
namespace {

constexpr std::int64_t kLettersPerBatch = 500;
// They are copied a few times, and no share of memory.budget is for them. A larger one is alone.
constexpr std::int64_t kPayloadBytesPerBatch = 2 << 20;

constexpr const char* kTryLock =
    "SELECT pg_try_advisory_lock(hashtextextended('usage_ingest.dead_letters retry', "
    "0))::int4::int8, "
    "clock_timestamp()";
constexpr const char* kUnlock =
    "SELECT pg_advisory_unlock(hashtextextended('usage_ingest.dead_letters retry', 0))";

}  // namespace

struct DeadLetterRetrier::Letter {
  std::int64_t id;
  TopicPartition source;
  Offset offset;
  std::uint32_t event_index;
  bool counts_quotas;
  std::string payload;
};

DeadLetterRetrier::DeadLetterRetrier(batch::PgBatchStoreOptions options,
                                     event::DecoderOptions decoder,
                                     pipeline::TelemetrySink& telemetry,
                                     const pipeline::Runtime& runtime)
    : runtime_(runtime),
      store_(runtime.executor, std::move(options), progress_),
      telemetry_(telemetry),
      assembler_(std::move(decoder), runtime.clock, epoch_),
      attributor_(kLettersPerBatch,
                  [this](std::string_view value, std::uint32_t index) {
                    return assembler_.DeadLetterPayload(value, index);
                  }),
      writer_(pipeline::BatchWriterOptions{.session = pipeline::kDeadLetterRetrySession,
                                           .recent_ids_max = kLettersPerBatch,
                                           // They stay what they are: dead letters.
                                           .all_refused_held = std::chrono::milliseconds(0)},
              store_, attributor_, telemetry, runtime) {}

pipeline::Task<Result<RetryReport>> DeadLetterRetrier::Retry(const DeadLetterSelection& selection) {
  const Result<EventTimeUs> begun = co_await Lock();
  if (!begun) co_return std::unexpected(begun.error());
  attributor_.Expire();
  const EventTimeUs tried_before = selection.tried_before.value_or(*begun);
  // Not by ?:, which GCC 12 compiles wrongly around co_await.
  Result<RetryReport> report = RetryReport{};
  if (selection.users.empty()) {
    report = co_await RetrySelected(selection, tried_before);
  } else {
    report = co_await RetryOfUsers(selection, tried_before);
  }
  co_await Unlock();
  co_return report;
}

// Found by their indexes first: an index cannot answer "of one of these keys or users" in the order
// of the attempts.
pipeline::Task<Result<RetryReport>> DeadLetterRetrier::RetryOfUsers(
    const DeadLetterSelection& selection, EventTimeUs begun) {
  session::PgArray users(session::PgType::kUuid);
  for (const std::string& user : selection.users) {
    if (const std::optional<Uuid> id = Uuid::Parse(user)) users.Add(*id);
  }
  session::Statement statement{batch::sql::kLettersOfUsers, {}};
  statement.params.Add(users).Add(selection.first_seen_since).Add(begun);
  statement.params.Add(selection.letters_max);
  const Result<session::PgResult> found = co_await store_.connection().Execute(statement);
  if (!found) co_return std::unexpected(found.error());
  DeadLetterSelection letters = selection;
  for (int row = 0; row < PQntuples(found->get()); ++row) {
    letters.ids.push_back(session::Int64At(found->get(), row, 0));
  }
  // No id would mean any letter.
  if (letters.ids.empty()) {
    co_return RetryReport{.outcomes = {}, .begun = begun, .is_complete = true};
  }
  co_return co_await RetrySelected(letters, begun);
}

pipeline::Task<Result<RetryReport>> DeadLetterRetrier::RetrySelected(
    const DeadLetterSelection& selection, EventTimeUs begun) {
  RetryReport report{.outcomes = {}, .begun = begun};
  for (std::int64_t tried = 0; tried < selection.letters_max && !stopping_;) {
    Result<std::vector<Letter>> letters =
        co_await Next(selection, begun, std::min(kLettersPerBatch, selection.letters_max - tried));
    if (!letters) co_return std::unexpected(letters.error());
    report.is_complete = letters->empty();
    if (report.is_complete) break;
    tried += static_cast<std::int64_t>(letters->size());
    const Result<EventCounts> outcomes = co_await RetryBatch(std::move(*letters));
    if (!outcomes && stopping_) break;  // the writer gave up waiting for PostgreSQL
    // Fenced: another session has just discarded one of them; the next selection leaves it out.
    if (!outcomes && outcomes.error().code != ErrorCode::kFenced) {
      co_return std::unexpected(outcomes.error());
    }
    if (!outcomes) continue;
    report.outcomes.Add(*outcomes);
    const std::int64_t healed = outcomes->inserted + outcomes->duplicates;
    if (healed != 0) telemetry_.On(pipeline::DeadLettersHealed{healed});
  }
  co_return report;
}

// In any case: a lock that a living session keeps would exclude all others.
pipeline::Task<> DeadLetterRetrier::Unlock() {
  const Result<> unlocked = co_await store_.connection().ExecuteScript(kUnlock);
  if (!unlocked) store_.connection().Close();  // the lock goes with the session
}

// The server's clock, which stamps the attempts: a letter that failed since is not tried twice.
pipeline::Task<Result<EventTimeUs>> DeadLetterRetrier::Lock() {
  if (!store_.connected()) {
    const Result<> connected = co_await store_.Connect();
    if (!connected) co_return std::unexpected(connected.error());
  }
  const session::Statement statement{kTryLock, {}};
  const Result<session::PgResult> locked = co_await store_.connection().Execute(statement);
  if (!locked) co_return std::unexpected(locked.error());
  if (session::Int64At(locked->get(), 0, 0) == 0) {
    co_return Fail(ErrorCode::kFenced, "another instance is retrying dead letters right now");
  }
  co_return session::FromPgTime(session::Int64At(locked->get(), 0, 1));
}

// One reason after the other: the index has the letters of a reason in order.
pipeline::Task<Result<std::vector<DeadLetterRetrier::Letter>>> DeadLetterRetrier::Next(
    const DeadLetterSelection& selection, EventTimeUs begun, std::int64_t letters_max) {
  if (selection.reasons.empty()) co_return co_await NextOf("", selection, begun, letters_max);
  std::vector<Letter> none;
  for (const std::string& reason : selection.reasons) {
    auto letters = co_await NextOf(reason, selection, begun, letters_max);
    if (!letters || !letters->empty()) co_return letters;
  }
  co_return none;
}

pipeline::Task<Result<std::vector<DeadLetterRetrier::Letter>>> DeadLetterRetrier::NextOf(
    std::string_view reason, const DeadLetterSelection& selection, EventTimeUs begun,
    std::int64_t letters_max) {
  session::PgArray ids(session::PgType::kInt8);
  for (std::int64_t id : selection.ids) ids.Add(id);
  session::Statement statement{batch::sql::kNextDeadLetters, {}};
  statement.params.Add(reason);
  statement.params.Add(std::int64_t{selection.only_due ? 1 : 0}).Add(ids);
  statement.params.Add(selection.first_seen_since).Add(begun).Add(letters_max);
  statement.params.Add(kPayloadBytesPerBatch);
  statement.params.Add(std::int64_t{selection.only_with_owner ? 1 : 0});
  const Result<session::PgResult> result = co_await store_.connection().Execute(statement);
  if (!result) co_return std::unexpected(result.error());
  const PGresult* rows = result->get();
  std::vector<Letter> letters;
  for (int row = 0; row < PQntuples(rows); ++row) {
    const auto int_at = [&](int column) { return session::Int64At(rows, row, column); };
    letters.push_back(
        {int_at(0),
         {PQgetvalue(rows, row, 1), PartitionId{static_cast<std::int32_t>(int_at(2))}},
         Offset{int_at(3)},
         static_cast<std::uint32_t>(int_at(4)),
         int_at(5) != 0,
         std::string(PQgetvalue(rows, row, 6),
                     static_cast<std::size_t>(PQgetlength(rows, row, 6)))});
  }
  co_return letters;
}

pipeline::Task<Result<EventCounts>> DeadLetterRetrier::RetryBatch(std::vector<Letter> letters) {
  batch_.Clear();
  std::vector<std::int64_t> ids;
  for (Letter& letter : letters) {
    ids.push_back(letter.id);
    pipeline::Record record;
    record.source = Intern(letter.source);
    record.offset = letter.offset;
    record.first_index = letter.event_index;
    record.is_import = letter.source.topic.starts_with("import:");
    record.counts_quotas = letter.counts_quotas;
    record.value = letter.payload;  // `letters` outlives the batch
    assembler_.AddDetached(batch_, std::move(record));
  }
  progress_.SetLetters(std::move(ids));
  const Result<pipeline::WriteResult> written = co_await writer_.Write(batch_);
  batch_.Clear();
  if (!written) {
    co_await store_.Reset();
    co_return std::unexpected(written.error());
  }
  co_return written->outcomes;
}

const TopicPartition* DeadLetterRetrier::Intern(const TopicPartition& source) {
  for (const auto& known : sources_) {
    if (*known == source) return known.get();
  }
  sources_.push_back(std::make_unique<TopicPartition>(source));
  return sources_.back().get();
}

}  // namespace usage_ingest::postgres::background
