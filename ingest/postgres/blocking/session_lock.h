#pragma once
// SessionLock: an advisory lock of a session, which lets one command of a kind in at a time.
//
// It is asked for and not waited for: a session that waits inside a statement has a snapshot, and a
// CREATE INDEX CONCURRENTLY would wait for that. A process that dies releases it.
//
// Errors        kUnavailable with the text of the caller when another session holds it.
#include <cstdint>
#include <string_view>

#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::blocking {

class SessionLock {
 public:
  // `key`: an arbitrary number, another one for each kind.
  [[nodiscard]] static Result<SessionLock> Take(SyncConnection& connection, std::int64_t key,
                                                std::string_view why_not);
  SessionLock(SessionLock&& other) noexcept;
  SessionLock& operator=(SessionLock&&) = delete;
  SessionLock(const SessionLock&) = delete;
  SessionLock& operator=(const SessionLock&) = delete;
  ~SessionLock();

 private:
  SessionLock(SyncConnection& connection, std::int64_t key) : connection_(&connection), key_(key) {}
  SyncConnection* connection_;  // null: moved from
  std::int64_t key_;
};

}  // namespace usage_ingest::postgres::blocking
