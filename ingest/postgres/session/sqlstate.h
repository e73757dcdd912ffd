#pragma once
// From SQLSTATE to what the caller must do; the table has a test a class.
//
// Source        PostgreSQL 15 manual, appendix A; ARCHITECTURE.md, "Errors by SQLSTATE class".
#include <libpq-fe.h>

#include <string_view>

#include "schema/error.h"

namespace usage_ingest::postgres::session {

// Where the statement stood in the transaction: the same 23505 is a duplicate row from COPY, and
// somebody's broken trigger from the summaries.
enum class SqlStep : unsigned char {
  kRows,  // COPY into usage_logs, or the staged insert
  // Everything else, and somebody's trigger on usage_logs: the rows are good, so data errors are
  // held and retried.
  kOther,
};

// `constraint` is the error's constraint name, empty when it has none.
[[nodiscard]] ErrorCode Classify(std::string_view sqlstate, std::string_view constraint,
                                 SqlStep step);

// The error of a failed result: code, and "SQLSTATE: message (detail; context)" without newlines.
[[nodiscard]] Error ErrorOf(const PGresult* result, SqlStep step);
// The error of a connection that broke or could not be made.
[[nodiscard]] Error ConnectionError(const PGconn* connection, std::string_view doing);

}  // namespace usage_ingest::postgres::session
