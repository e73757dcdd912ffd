#include "ingest/postgres/admin/history_lock.h"

#include <string>
#include <utility>

namespace usage_ingest::postgres::admin {
namespace {

// An arbitrary number, other than those of migrate and of ensure_partition().
constexpr const char* kLock = "SELECT pg_try_advisory_lock(7305801562440212770)";
constexpr const char* kUnlock = "SELECT pg_advisory_unlock(7305801562440212770)";

}  // namespace

Result<HistoryLock> HistoryLock::Take(blocking::SyncConnection& connection,
                                      std::string_view why_not) {
  auto locked = connection.Execute(kLock);
  if (!locked) return std::unexpected(locked.error());
  if (!locked->boolean(0, 0)) return Fail(ErrorCode::kUnavailable, std::string(why_not));
  return HistoryLock(connection);
}

HistoryLock::HistoryLock(HistoryLock&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

HistoryLock::~HistoryLock() {
  if (connection_ == nullptr) return;
  // ignored because the lock ends with the session at the latest
  [[maybe_unused]] const auto ignored = connection_->Execute(kUnlock);
}

}  // namespace usage_ingest::postgres::admin
