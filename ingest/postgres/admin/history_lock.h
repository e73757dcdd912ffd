#pragma once
// HistoryLock: `summaries rebuild` and `partitions retain` exclude each other, and themselves.
//
// A rebuild compares summaries with rows; a retain takes rows away and leaves their summaries. An
// advisory lock of the session, so a process that dies releases it.
//
// Errors        kUnavailable with the text of the caller when another one holds it.
#include <string_view>

#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::admin {

inline constexpr const char* kOnlyOneRebuild =
    "another `summaries rebuild`, or `partitions retain`, is running: two rebuilds would add each "
    "difference twice, and retain takes away the rows that a rebuild reads; run it again later";

class HistoryLock {
 public:
  [[nodiscard]] static Result<HistoryLock> Take(blocking::SyncConnection& connection,
                                                std::string_view why_not);
  HistoryLock(HistoryLock&& other) noexcept;
  HistoryLock& operator=(HistoryLock&&) = delete;
  HistoryLock(const HistoryLock&) = delete;
  HistoryLock& operator=(const HistoryLock&) = delete;
  ~HistoryLock();

 private:
  explicit HistoryLock(blocking::SyncConnection& connection) : connection_(&connection) {}
  blocking::SyncConnection* connection_;  // null: moved from
};

}  // namespace usage_ingest::postgres::admin
