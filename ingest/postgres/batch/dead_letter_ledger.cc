#include "ingest/postgres/batch/dead_letter_ledger.h"

#include <string_view>

#include "ingest/postgres/batch/statements.h"
#include "schema/check.h"

namespace usage_ingest::postgres::batch {
namespace {

struct Settlement {
  std::string_view state = "discarded";  // skipped: nobody's usage after all
  std::string_view reason;
  std::string_view detail;
};

// A letter is one element, but for a record that was too large and is an array or lines: stripped
// of its prompts it comes back as several.
void Note(const pipeline::BatchEvent& event, Settlement& settlement) {
  if (event.state != pipeline::BatchEvent::State::kRow) return;
  if (!event.is_duplicate) {
    settlement.state = "resolved";
  } else if (settlement.state != "resolved") {
    settlement.state = "duplicate";
  }
}

}  // namespace

session::Statement DeadLetterLedger::Claim(const pipeline::Batch&) const {
  session::PgArray ids(session::PgType::kInt8);
  for (std::int64_t id : ids_) ids.Add(id);
  session::Statement statement{sql::kClaimDeadLetters, {}};
  statement.params.Add(ids);
  return statement;
}

std::size_t DeadLetterLedger::ClaimedRows(const pipeline::Batch& batch) const {
  USAGE_INGEST_CHECK(ids_.size() == batch.records.size());
  return ids_.size();
}

void DeadLetterLedger::Settle(const pipeline::Batch& batch,
                              std::vector<session::Statement>& statements) const {
  std::vector<Settlement> settlements(ids_.size());
  for (const pipeline::BatchEvent& event : batch.events) {
    Note(event, settlements[event.record]);
  }
  // Pending as long as one of its elements is refused; the others are duplicates the next time.
  for (const pipeline::DeadLetter& letter : batch.dead_letters) {
    settlements[letter.record] = {"pending", Name(letter.reason), letter.detail};
  }
  session::PgArray ids(session::PgType::kInt8);
  session::PgArray states(session::PgType::kText);
  session::PgArray reasons(session::PgType::kText);
  session::PgArray details(session::PgType::kText);
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    ids.Add(ids_[i]);
    states.Add(settlements[i].state);
    reasons.AddOrNull(settlements[i].reason);
    details.AddOrNull(settlements[i].detail);
  }
  session::Statement statement{sql::kSettleDeadLetters, {}};
  statement.params.Add(ids).Add(states).Add(reasons).Add(details);
  statements.push_back(std::move(statement));
}

// Claimed letters are not pending any more when the lost COMMIT went through: the next claim is
// fenced and the letters are selected anew.
session::Statement DeadLetterLedger::ReadOffsets(const pipeline::Batch&) const {
  return {nullptr, {}};
}

}  // namespace usage_ingest::postgres::batch
