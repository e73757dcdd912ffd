#include "daemon/telemetry/recent_errors.h"

#include <cstddef>
#include <utility>

#include "ingest/pipeline/log_throttle.h"

namespace usage_ingest::telemetry {
void RecentErrors::Add(std::string_view source, std::string_view message, std::int64_t now_ms) {
  message = message.substr(0, kMessageBytesMax);
  const std::string kind = pipeline::MessageKind(message);
  RecentError added{now_ms, source, std::string(message)};
  for (std::size_t i = 0; i < errors_.size(); ++i) {
    if (errors_[i].source != source || kinds_[i] != kind) continue;
    added.times = errors_[i].times + 1;
    errors_.erase(errors_.begin() + static_cast<std::ptrdiff_t>(i));
    kinds_.erase(kinds_.begin() + static_cast<std::ptrdiff_t>(i));
    break;
  }
  errors_.insert(errors_.begin(), std::move(added));
  kinds_.insert(kinds_.begin(), kind);
  if (errors_.size() <= kKept) return;
  errors_.pop_back();
  kinds_.pop_back();
}

}  // namespace usage_ingest::telemetry
