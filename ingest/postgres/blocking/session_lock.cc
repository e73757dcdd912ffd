#include "ingest/postgres/blocking/session_lock.h"

#include <fmt/format.h>

#include <string>
#include <utility>

namespace usage_ingest::postgres::blocking {

Result<SessionLock> SessionLock::Take(SyncConnection& connection, std::int64_t key,
                                      std::string_view why_not) {
  auto locked = connection.Execute(fmt::format("SELECT pg_try_advisory_lock({})", key));
  if (!locked) return std::unexpected(locked.error());
  if (!locked->boolean(0, 0)) return Fail(ErrorCode::kUnavailable, std::string(why_not));
  return SessionLock(connection, key);
}

SessionLock::SessionLock(SessionLock&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)), key_(other.key_) {}

SessionLock::~SessionLock() {
  if (connection_ == nullptr) return;
  // ignored because the lock ends with the session at the latest
  [[maybe_unused]] const auto ignored =
      connection_->Execute(fmt::format("SELECT pg_advisory_unlock({})", key_));
}

}  // namespace usage_ingest::postgres::blocking
