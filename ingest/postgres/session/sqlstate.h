#pragma once
// Sqlstate: from an error of PostgreSQL to what the caller must do. A test has a case for each
// class.
//
// Source        PostgreSQL 15 manual, appendix A; ARCHITECTURE.md, "Errors by SQLSTATE class".
#include <libpq-fe.h>

#include <string_view>

#include "schema/error.h"

namespace usage_ingest::postgres::session {

// Which statement failed: the same 23505 is a duplicate row in COPY, and the fault of another
// trigger in the summaries.
enum class SqlStep : unsigned char {
  kCopy,    // COPY of rows
  kInsert,  // INSERT of the rows that were staged
  // What follows from the rows: summaries, quotas, the checks that are deferred to COMMIT. A data
  // error is the fault of some of them.
  kSums,
  kOther,  // no row is involved: a data error is retried
};

// Of the server's messages. Their text is read only where it is known to be English.
enum class MessageLanguage : unsigned char { kEnglish, kUnknown };

// Whether other code than the statement, such as a trigger, raised the error. `context` is the
// error's PG_DIAG_CONTEXT, which names the innermost code first, a line each.
[[nodiscard]] bool IsRaisedByOtherCode(std::string_view context, SqlStep step,
                                       MessageLanguage language);

// `constraint` is the error's constraint name, empty when it has none. An error of other code in a
// step of rows or sums is kRejected, unless the class says that it passes.
[[nodiscard]] ErrorCode Classify(std::string_view sqlstate, std::string_view constraint,
                                 SqlStep step, bool is_of_other_code = false);

// The error of a failed result: code, and "SQLSTATE: message (detail; context)" without newlines.
[[nodiscard]] Error ErrorOf(const PGresult* result, SqlStep step,
                            MessageLanguage language = MessageLanguage::kEnglish);
// The error of a connection that broke or could not be made.
[[nodiscard]] Error ConnectionError(const PGconn* connection, std::string_view doing);

}  // namespace usage_ingest::postgres::session
