#include "ingest/postgres/dead_letter_ledger.h"

#include <string_view>

#include "ingest/postgres/statements.h"
#include "schema/check.h"

namespace usage_ingest::ingest {
namespace {

struct Settlement {
  std::string_view state = "discarded";  // skipped: nobody's usage after all
  std::string_view reason;
  std::string_view detail;
};

// A letter is one element, but for a record that was too large and is an array or lines: stripped
// of its prompts it comes back as several.
void Note(const BatchEvent& event, Settlement& settlement) {
  if (event.state != BatchEvent::State::kRow) return;
  if (!event.is_duplicate) {
    settlement.state = "resolved";
  } else if (settlement.state != "resolved") {
    settlement.state = "duplicate";
  }
}

}  // namespace

Statement DeadLetterLedger::Claim(const Batch&) const {
  PgArray ids(PgType::kInt8);
  for (std::int64_t id : ids_) ids.Add(id);
  Statement statement{sql::kClaimDeadLetters, {}};
  statement.params.Add(ids);
  return statement;
}

std::size_t DeadLetterLedger::ClaimedRows(const Batch& batch) const {
  USAGE_INGEST_CHECK(ids_.size() == batch.records.size());
  return ids_.size();
}

void DeadLetterLedger::Settle(const Batch& batch, std::vector<Statement>& statements) const {
  std::vector<Settlement> settlements(ids_.size());
  for (const BatchEvent& event : batch.events) {
    Note(event, settlements[event.record]);
  }
  // Pending as long as one of its elements is refused; the others are duplicates the next time.
  for (const DeadLetter& letter : batch.dead_letters) {
    settlements[letter.record] = {"pending", Name(letter.reason), letter.detail};
  }
  PgArray ids(PgType::kInt8);
  PgArray states(PgType::kText);
  PgArray reasons(PgType::kText);
  PgArray details(PgType::kText);
  for (std::size_t i = 0; i < ids_.size(); ++i) {
    ids.Add(ids_[i]);
    states.Add(settlements[i].state);
    reasons.AddOrNull(settlements[i].reason);
    details.AddOrNull(settlements[i].detail);
  }
  Statement statement{sql::kSettleDeadLetters, {}};
  statement.params.Add(ids).Add(states).Add(reasons).Add(details);
  statements.push_back(std::move(statement));
}

// Claimed letters are not pending any more when the lost COMMIT went through: the next claim is
// fenced and the letters are selected anew.
Statement DeadLetterLedger::ReadOffsets(const Batch&) const { return {nullptr, {}}; }

}  // namespace usage_ingest::ingest
