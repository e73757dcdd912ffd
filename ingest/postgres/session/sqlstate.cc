#include "ingest/postgres/session/sqlstate.h"

#include <algorithm>
#include <array>
#include <string>

namespace usage_ingest::postgres::session {
namespace {

struct Rule {
  std::string_view prefix;  // of the SQLSTATE: a class of two characters, or a whole code
  ErrorCode code;
};

// The first rule that matches wins, so whole codes stand before their class.
constexpr std::array kRules = {
    Rule{"40", ErrorCode::kConflict},        // serialization_failure, deadlock_detected
    Rule{"55P03", ErrorCode::kConflict},     // lock_not_available: our own lock_timeout
    Rule{"08", ErrorCode::kUnavailable},     // connection exceptions
    Rule{"25", ErrorCode::kUnavailable},     // read-only or aborted transaction: a fail-over
    Rule{"53", ErrorCode::kUnavailable},     // disk full, out of memory, too many connections
    Rule{"55", ErrorCode::kUnavailable},     // object in use
    Rule{"57", ErrorCode::kUnavailable},     // cancelled, timed out, shutting down
    Rule{"58", ErrorCode::kUnavailable},     // system error
    Rule{"0A000", ErrorCode::kUnavailable},  // "cached plan must not change result type"
    Rule{"XX000", ErrorCode::kUnavailable},  // internal: e.g. "tuple concurrently updated"
};

bool IsDataClass(std::string_view sqlstate) {
  return sqlstate.starts_with("22") || sqlstate.starts_with("23");
}

std::string OneLine(const char* text) {
  std::string line = text == nullptr ? "" : text;
  while (!line.empty() && line.back() == '\n') line.pop_back();
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

std::string Field(const PGresult* result, int field) {
  return OneLine(PQresultErrorField(result, field));
}

// Somebody's code ran within our statement: the context names the innermost first (52.8), and a
// language or a statement of its own stands before our COPY.
bool IsRaisedByATrigger(std::string_view context) {
  return context.starts_with("PL/") || context.starts_with("SQL ");
}

}  // namespace

ErrorCode Classify(std::string_view sqlstate, std::string_view constraint, SqlStep step) {
  if (sqlstate.empty()) return ErrorCode::kUnavailable;  // made by libpq: the connection is gone
  for (const Rule& rule : kRules) {
    if (sqlstate.starts_with(rule.prefix)) return rule.code;
  }
  if (!IsDataClass(sqlstate)) return ErrorCode::kFatal;
  if (step == SqlStep::kOther) return ErrorCode::kUnavailable;
  if (sqlstate == "23505") return ErrorCode::kDuplicateRow;
  // ExecFindPartition raises check_violation without a constraint: no partition for the row.
  if (sqlstate == "23514" && constraint.empty()) return ErrorCode::kMissingPartition;
  // A parent went away although it was locked: only on the slow path, and only by a superuser's
  // doing; attribution must look again.
  if (sqlstate == "23503") return ErrorCode::kConflict;
  return ErrorCode::kBadRecord;
}

Error ErrorOf(const PGresult* result, SqlStep step) {
  const std::string sqlstate = Field(result, PG_DIAG_SQLSTATE);
  const std::string constraint = Field(result, PG_DIAG_CONSTRAINT_NAME);
  std::string context = sqlstate.empty() ? OneLine(PQresultErrorMessage(result))
                                         : sqlstate + ": " + Field(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string where = Field(result, PG_DIAG_CONTEXT);
  if (!where.empty()) context += " (" + where + ")";
  if (IsRaisedByATrigger(where)) step = SqlStep::kOther;
  return {Classify(sqlstate, constraint, step), std::move(context)};
}

Error ConnectionError(const PGconn* connection, std::string_view doing) {
  return {ErrorCode::kUnavailable, std::string(doing) + ": " + OneLine(PQerrorMessage(connection))};
}

}  // namespace usage_ingest::postgres::session
