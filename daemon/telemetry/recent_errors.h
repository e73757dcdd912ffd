#pragma once
// RecentErrors: the last distinct errors, newest first.
//
// A database that is away gives the same message every few seconds, and a lock timeout the same
// message with another tuple number. Messages of one kind (pipeline/log_throttle.h) are one entry
// with a count.
//
// Thread-safety none; its owner's lock.
// Limit         kKept entries; kMessageBytesMax bytes of a message, since libpq's may hold a whole
//               statement.
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "daemon/telemetry/status_snapshot.h"

namespace usage_ingest::telemetry {

class RecentErrors {
 public:
  static constexpr std::size_t kKept = 20;
  static constexpr std::size_t kMessageBytesMax = 500;

  // `source` is static text.
  void Add(std::string_view source, std::string_view message, std::int64_t now_ms);
  [[nodiscard]] const std::vector<RecentError>& list() const { return errors_; }

 private:
  std::vector<RecentError> errors_;
  std::vector<std::string> kinds_;  // by errors_
};

}  // namespace usage_ingest::telemetry
