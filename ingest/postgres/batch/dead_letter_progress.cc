#include "ingest/postgres/batch/dead_letter_progress.h"

#include <string_view>

#include "ingest/postgres/batch/statements.h"
#include "schema/check.h"

namespace usage_ingest::postgres::batch {
namespace {

// What a letter becomes.
struct LetterOutcome {
  std::string_view state = "discarded";  // it was skipped: the usage has no owner
  std::string_view reason;
  std::string_view detail;
};

// A letter is one element, but for a record that was too large and is an array or lines: stripped
// of its prompts it comes back as several.
void Note(const pipeline::BatchEvent& event, LetterOutcome& outcome) {
  if (event.state != pipeline::BatchEvent::State::kRow) return;
  if (!event.is_duplicate) {
    outcome.state = "resolved";
  } else if (outcome.state != "resolved") {
    outcome.state = "duplicate";
  }
}

}  // namespace

session::Statement DeadLetterProgress::CompareAndSet(const pipeline::Batch&) const {
  session::PgArray ids(session::PgType::kInt8);
  for (std::int64_t id : ids_) ids.Add(id);
  session::Statement statement{sql::kTakeDeadLetters, {}};
  statement.params.Add(ids);
  return statement;
}

std::size_t DeadLetterProgress::RowsToSet(const pipeline::Batch& batch) const {
  USAGE_INGEST_CHECK(ids_.size() == batch.records.size());
  return ids_.size();
}

std::optional<session::Statement> DeadLetterProgress::RecordOutcomes(
    const pipeline::Batch& batch) const {
  std::vector<LetterOutcome> outcomes(ids_.size());
  for (const pipeline::BatchEvent& event : batch.events) {
    Note(event, outcomes[event.record]);
  }
  // Pending while one of its elements is refused; the others are duplicates the next time.
  for (const pipeline::DeadLetter& letter : batch.dead_letters) {
    outcomes[letter.record] = {"pending", Name(letter.reason), letter.detail};
  }
  session::PgArray ids(session::PgType::kInt8);
  session::PgArray states(session::PgType::kText);
  session::PgArray reasons(session::PgType::kText);
  session::PgArray details(session::PgType::kText);
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    ids.Add(ids_[i]);
    states.Add(outcomes[i].state);
    reasons.AddOrNull(outcomes[i].reason);
    details.AddOrNull(outcomes[i].detail);
  }
  session::Statement statement{sql::kRecordRetries, {}};
  statement.params.Add(ids).Add(states).Add(reasons).Add(details);
  return statement;
}

}  // namespace usage_ingest::postgres::batch
