#include "ingest/postgres/session/sqlstate.h"

#include <algorithm>
#include <array>
#include <ranges>
#include <span>
#include <string>

namespace usage_ingest::postgres::session {
namespace {

struct Rule {
  std::string_view prefix;  // of the SQLSTATE: a class of two characters, or a whole code
  ErrorCode code;
};

// The first rule that matches wins, so whole codes stand before their class.
constexpr std::array kRules = {
    Rule{"40", ErrorCode::kConflict},     // serialization_failure, deadlock_detected
    Rule{"55P03", ErrorCode::kConflict},  // lock_not_available: our own lock_timeout
    Rule{"08", ErrorCode::kUnavailable},  // connection exceptions
    Rule{"25", ErrorCode::kUnavailable},  // read-only or aborted transaction: a fail-over
    Rule{"53200", ErrorCode::kTooLarge},  // out of memory, also of the table of locks
    Rule{"53400", ErrorCode::kTooLarge},  // temp_file_limit
    Rule{"53", ErrorCode::kUnavailable},  // disk full, too many connections
    Rule{"55", ErrorCode::kUnavailable},  // object in use
    Rule{"57014", ErrorCode::kTooLarge},  // statement_timeout (async_connection.cc: or cancelled)
    Rule{"57", ErrorCode::kUnavailable},  // shutting down
    Rule{"58", ErrorCode::kUnavailable},  // system error
};

// What other code may raise because of a row, and our own statements for a moment only.
constexpr std::array kMomentaryRules = {
    Rule{"0A000", ErrorCode::kUnavailable},  // "cached plan must not change result type"
    Rule{"XX000", ErrorCode::kUnavailable},  // internal: e.g. "tuple concurrently updated"
};

// The values of a row can be the cause: cardinality, data, integrity, trigger, routine, check
// option, limits of the program (a value too long for an index), RAISE.
constexpr std::array<std::string_view, 10> kDataClasses = {"21", "22", "23", "27", "2F",
                                                           "38", "39", "44", "54", "P0"};

bool IsDataClass(std::string_view sqlstate) {
  return std::ranges::any_of(kDataClasses,
                             [&](std::string_view each) { return sqlstate.starts_with(each); });
}

const Rule* FindRule(std::span<const Rule> rules, std::string_view sqlstate) {
  const auto found = std::ranges::find_if(
      rules, [&](const Rule& rule) { return sqlstate.starts_with(rule.prefix); });
  return found == rules.end() ? nullptr : &*found;
}

// Citus gives every error of a worker in COPY this code.
constexpr std::string_view kCitusCopyError = "XX000";
// And adds this line to what a worker answers to another statement. Its messages are English.
constexpr std::string_view kCitusContext = "while executing command on ";

// PostgreSQL itself refuses a row: no code of another program is involved.
ErrorCode CodeOfRow(std::string_view sqlstate, std::string_view constraint, SqlStep step) {
  // The staged insert skips duplicates of our key, so that another unique index refuses the row.
  if (sqlstate == "23505" && step == SqlStep::kCopy) return ErrorCode::kDuplicateRow;
  // ExecFindPartition raises check_violation without a constraint: no partition for the row.
  if (sqlstate == "23514" && constraint.empty()) return ErrorCode::kMissingPartition;
  // Our parents are locked: a foreign key of another program, or a superuser deleted the parent.
  if (sqlstate == "23503" || sqlstate.starts_with("P0")) return ErrorCode::kRejected;
  return ErrorCode::kBadRecord;
}

std::string OneLine(const char* text) {
  std::string line = text == nullptr ? "" : text;
  while (!line.empty() && line.back() == '\n') line.pop_back();
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

// libpq tries again without TLS, and then says the same line twice.
std::string WithoutRepeats(std::string_view text) {
  std::string lines;
  std::string_view before;
  for (const auto part : std::views::split(text, '\n')) {
    const std::string_view line(part);
    if (line != before) lines.append(line).append("\n");
    before = line;
  }
  return lines;
}

std::string Field(const PGresult* result, int field) {
  return OneLine(PQresultErrorField(result, field));
}

}  // namespace

// Source: PostgreSQL 15, copyfromparse.c: CopyFrom adds a line of its own while it reads rows, and
// none while AFTER triggers run. INSERT ... SELECT adds none. A function and a statement within it
// add one each, in the server's language.
bool IsRaisedByOtherCode(std::string_view context, SqlStep step, MessageLanguage language) {
  if (step != SqlStep::kCopy) return !context.empty() && !context.starts_with(kCitusContext);
  if (language == MessageLanguage::kEnglish) {
    return context.starts_with("PL/") || context.starts_with("SQL ");
  }
  // One line is COPY's own or an AFTER trigger's. As it cannot be told, the caller stages the rows
  // and inserts them, which tells it.
  return context.find('\n') != std::string_view::npos;
}

ErrorCode Classify(std::string_view sqlstate, std::string_view constraint, SqlStep step,
                   bool is_of_other_code) {
  if (sqlstate.empty()) return ErrorCode::kUnavailable;  // made by libpq: the connection is gone
  if (const Rule* rule = FindRule(kRules, sqlstate)) return rule->code;
  if (is_of_other_code && step != SqlStep::kOther) return ErrorCode::kRejected;
  // Whatever it is, the staged insert tells.
  if (sqlstate == kCitusCopyError && step == SqlStep::kCopy) return ErrorCode::kDuplicateRow;
  if (const Rule* rule = FindRule(kMomentaryRules, sqlstate)) return rule->code;
  if (!IsDataClass(sqlstate)) return ErrorCode::kFatal;
  if (step == SqlStep::kOther) return ErrorCode::kUnavailable;
  if (step == SqlStep::kSums) return ErrorCode::kRejected;
  return CodeOfRow(sqlstate, constraint, step);
}

Error ErrorOf(const PGresult* result, SqlStep step, MessageLanguage language) {
  const std::string sqlstate = Field(result, PG_DIAG_SQLSTATE);
  const std::string constraint = Field(result, PG_DIAG_CONSTRAINT_NAME);
  std::string context = sqlstate.empty() ? OneLine(PQresultErrorMessage(result))
                                         : sqlstate + ": " + Field(result, PG_DIAG_MESSAGE_PRIMARY);
  bool is_of_other_code = false;
  if (const char* where = PQresultErrorField(result, PG_DIAG_CONTEXT); where != nullptr) {
    context += " (" + OneLine(where) + ")";
    is_of_other_code = IsRaisedByOtherCode(where, step, language);
  }
  Error error{Classify(sqlstate, constraint, step, is_of_other_code), std::move(context)};
  // It may be an AFTER trigger's: the staged insert tells.
  const bool is_unclear = step == SqlStep::kCopy && language == MessageLanguage::kUnknown &&
                          PQresultErrorField(result, PG_DIAG_CONTEXT) != nullptr;
  if (is_unclear && error.code == ErrorCode::kFatal) error.code = ErrorCode::kRejected;
  return error;
}

Error ConnectionError(const PGconn* connection, std::string_view doing) {
  return {ErrorCode::kUnavailable,
          std::string(doing) + ": " + OneLine(WithoutRepeats(PQerrorMessage(connection)).c_str())};
}

}  // namespace usage_ingest::postgres::session
