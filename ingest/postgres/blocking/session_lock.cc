#include "ingest/postgres/blocking/session_lock.h"

#include <fmt/format.h>

#include <string>

namespace usage_ingest::postgres::blocking {

Result<SessionLock> TakeSessionLock(SyncConnection& connection, std::int64_t key,
                                    std::string_view why_not) {
  auto locked = connection.Execute(fmt::format("SELECT pg_try_advisory_lock({})", key));
  if (!locked) return std::unexpected(locked.error());
  if (!locked->boolean(0, 0)) return Fail(ErrorCode::kUnavailable, std::string(why_not));
  return SessionLock(&connection, Unlock{key});
}

void Unlock::operator()(SyncConnection* connection) const {
  // ignored because the lock ends with the session at the latest
  [[maybe_unused]] const auto ignored =
      connection->Run(fmt::format("SELECT pg_advisory_unlock({})", key));
}

}  // namespace usage_ingest::postgres::blocking
