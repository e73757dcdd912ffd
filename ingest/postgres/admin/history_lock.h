#pragma once
// HistoryLock: `summaries rebuild` and `partitions retain` exclude each other, and themselves.
//
// A rebuild compares summaries with rows; a retain takes rows away and leaves their summaries.
//
// Errors        kUnavailable with the text of the caller when another one holds it.
#include <string_view>

#include "ingest/postgres/blocking/session_lock.h"

namespace usage_ingest::postgres::admin {

inline constexpr const char* kOnlyOneRebuild =
    "another `summaries rebuild`, or `partitions retain`, is running: two rebuilds would add each "
    "difference twice, and retain takes away the rows that a rebuild reads; run it again later";

[[nodiscard]] inline Result<blocking::SessionLock> TakeHistoryLock(
    blocking::SyncConnection& connection, std::string_view why_not) {
  return blocking::TakeSessionLock(connection, 7305801562440212770, why_not);
}

}  // namespace usage_ingest::postgres::admin
