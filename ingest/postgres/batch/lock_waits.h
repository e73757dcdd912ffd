#pragma once
// LockWaits: how long the statements of a batch wait for a lock, as SQL.
//
// Limit         schema/limits.h
#include <string>

#include "ingest/postgres/session/session_setup.h"
#include "schema/limits.h"

namespace usage_ingest::postgres::batch {

// Only for a lock whose holder needs time: a stopped process that is ended, or the lane whose turn
// it is.
[[nodiscard]] inline const char* WaitLongForLocks() {
  static const std::string sql = session::SetLockTimeout(limits::kLockTimeoutBlocked);
  return sql.c_str();
}
// For all others.
[[nodiscard]] inline const char* WaitShortForLocks() {
  static const std::string sql = session::SetLockTimeout(limits::kLockTimeout);
  return sql.c_str();
}

}  // namespace usage_ingest::postgres::batch
