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

Settlement SettlementOf(const BatchEvent& event) {
  if (event.state == BatchEvent::State::kRow) {
    return {event.is_duplicate ? "duplicate" : "resolved", {}, {}};
  }
  return {};
}

bool IsLetterOf(const DeadLetter& letter, const Record& record) {
  return letter.source == record.source && letter.record_offset == record.offset &&
         letter.event_index == record.first_index;
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
    settlements[event.record] = SettlementOf(event);
  }
  for (const DeadLetter& letter : batch.dead_letters) {
    for (std::size_t i = 0; i < batch.records.size(); ++i) {
      if (!IsLetterOf(letter, batch.records[i])) continue;
      settlements[i] = {"pending", Name(letter.reason), letter.detail};
    }
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
