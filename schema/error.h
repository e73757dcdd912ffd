#pragma once
// Error: what went wrong, named by what the caller must do about it.
//
// Callers decide by `code` alone; `context` is for people (log line, dead-letter detail) and never
// becomes a metric label. The tables from SQLSTATE and rd_kafka_resp_err_t to ErrorCode live at the
// edges (ingest/postgres/session/sqlstate.h, ingest/kafka/client/kafka_error.h).
#include <expected>
#include <string>

namespace usage_ingest {

enum class ErrorCode : unsigned char {
  kBadRequest,  // what a command asks for does not exist: end with the message
  kBadRecord,   // this input can never succeed: dead-letter it, go on
  // Something of the batch is refused by a sum, a trigger or a month: find what, set it aside.
  kRejected,
  // The batch needs more time, memory or locks than the server gives: try less at once.
  kTooLarge,
  // Broker or database not reachable, or the statement timed out: keep the batch, wait, retry.
  kUnavailable,
  kConflict,          // serialization failure, deadlock, lock timeout: retry soon
  kDuplicateRow,      // COPY cannot, most often 23505: replay the batch through the staged path
  kMissingPartition,  // 23514 without a constraint name: create the month, retry
  kLimitExceeded,     // a bound in limits.h was hit: push back, never drop
  kFenced,            // another process does this, or moved the offset: drop what is buffered
  kRecordGone,        // the bytes of a needed record were released: read it again and keep it
  kIndeterminate,     // COMMIT sent, reply lost: reconnect and read the offsets row
  kShuttingDown,      // stop was requested: unwind, commit nothing more
  kFatal,  // wrong credentials, missing table: end with a message that says how to fix it
};

struct Error {
  ErrorCode code{};
  std::string context;
};

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> Fail(ErrorCode code, std::string context) {
  return std::unexpected(Error{code, std::move(context)});
}

}  // namespace usage_ingest
