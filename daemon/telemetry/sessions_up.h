#pragma once
// SessionsUp: does PostgreSQL answer, as all sessions together see it?
//
// A lane connects with its first batch, so one that has not tried says nothing; before anybody has,
// the answer is no.
//
// Thread-safety none; its owner's lock.
#include <algorithm>
#include <map>

#include "ingest/pipeline/observer.h"

namespace usage_ingest::telemetry {

class SessionsUp {
 public:
  void Set(std::size_t session, bool up) {
    if (session != pipeline::kRetrySession) up_[session] = up;
  }
  [[nodiscard]] bool all_up() const {
    return !up_.empty() && std::ranges::all_of(up_, [](const auto& each) { return each.second; });
  }

 private:
  std::map<std::size_t, bool> up_;
};

}  // namespace usage_ingest::telemetry
