#pragma once
// PostgresSessions: what all sessions of the daemon report, taken together.
//
// Does PostgreSQL answer? A lane connects with its first batch, so one that has not tried says
// nothing; before any session has connected, the answer is no. Which copy path is in use? The
// slower one, when sessions differ.
//
// Thread-safety none; its owner's lock.
#include <algorithm>
#include <map>
#include <optional>

#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::telemetry {

class PostgresSessions {
 public:
  void Set(const pipeline::PostgresSession& event) {
    if (IsPermanent(event.session)) up_[event.session] = event.up;
  }
  void Set(const pipeline::CopyPathChosen& event) {
    if (IsPermanent(event.session)) copy_paths_[event.session] = event.path;
  }
  [[nodiscard]] bool all_up() const {
    return !up_.empty() && std::ranges::all_of(up_, [](const auto& each) { return each.second; });
  }
  // nullopt: no session has decided yet.
  [[nodiscard]] std::optional<pipeline::CopyPath> copy_path() const {
    std::optional<pipeline::CopyPath> slowest;
    for (const auto& [session, path] : copy_paths_) {
      slowest = std::max(slowest.value_or(pipeline::CopyPath::kBatch), path);
    }
    return slowest;
  }

 private:
  // The retry opens and closes its session, so that the last state says nothing.
  static bool IsPermanent(const pipeline::SessionId& session) {
    return session.owner != pipeline::SessionId::Owner::kDeadLetterRetry;
  }
  std::map<pipeline::SessionId, bool> up_;
  std::map<pipeline::SessionId, pipeline::CopyPath> copy_paths_;
};

}  // namespace usage_ingest::telemetry
