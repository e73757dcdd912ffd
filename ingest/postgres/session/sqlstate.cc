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

}  // namespace

// Source: PostgreSQL 15, copyfromparse.c: CopyFrom adds a line of its own while it reads rows, and
// none while AFTER triggers run. INSERT ... SELECT adds none. A function and a statement within it
// add one each, in the server's language.
bool IsRaisedByOtherCode(std::string_view context, SqlStep step, MessageLanguage language) {
  if (step == SqlStep::kInsert) return !context.empty();
  if (language == MessageLanguage::kEnglish) {
    return context.starts_with("PL/") || context.starts_with("SQL ");
  }
  // One line is COPY's own or an AFTER trigger's. As it cannot be told, the caller stages the rows
  // and inserts them, which tells it.
  return context.find('\n') != std::string_view::npos;
}

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
  // A parent was deleted although it was locked: only where constraints are on, and only by a
  // superuser. Attribution must look again.
  if (sqlstate == "23503") return ErrorCode::kConflict;
  return ErrorCode::kBadRecord;
}

Error ErrorOf(const PGresult* result, SqlStep step, MessageLanguage language) {
  const std::string sqlstate = Field(result, PG_DIAG_SQLSTATE);
  const std::string constraint = Field(result, PG_DIAG_CONSTRAINT_NAME);
  std::string context = sqlstate.empty() ? OneLine(PQresultErrorMessage(result))
                                         : sqlstate + ": " + Field(result, PG_DIAG_MESSAGE_PRIMARY);
  if (const char* where = PQresultErrorField(result, PG_DIAG_CONTEXT); where != nullptr) {
    context += " (" + OneLine(where) + ")";
    if (IsRaisedByOtherCode(where, step, language)) step = SqlStep::kOther;
  }
  return {Classify(sqlstate, constraint, step), std::move(context)};
}

Error ConnectionError(const PGconn* connection, std::string_view doing) {
  return {ErrorCode::kUnavailable, std::string(doing) + ": " + OneLine(PQerrorMessage(connection))};
}

}  // namespace usage_ingest::postgres::session
