#pragma once
// SessionLock: an advisory lock of a session, which lets one command of a kind in at a time.
//
// It is asked for and not waited for: a session that waits inside a statement has a snapshot, and a
// CREATE INDEX CONCURRENTLY would wait for that. A process that dies releases it.
//
// Errors        kUnavailable with the text of the caller when another session holds it.
#include <cstdint>
#include <memory>
#include <string_view>

#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::postgres::blocking {

struct Unlock {
  std::int64_t key;
  void operator()(SyncConnection* connection) const;
};
// Holds the lock; the session belongs to another.
using SessionLock = std::unique_ptr<SyncConnection, Unlock>;

// `key`: an arbitrary number, another one for each kind.
[[nodiscard]] Result<SessionLock> TakeSessionLock(SyncConnection& connection, std::int64_t key,
                                                  std::string_view why_not);

}  // namespace usage_ingest::postgres::blocking
