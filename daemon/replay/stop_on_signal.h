#pragma once
// StopOnSignal: SIGINT and SIGTERM become a stop_token for a command that is no daemon.
//
// Owner         one command; one object at a time. A second signal has its default effect.
#include <memory>
#include <stop_token>

namespace usage_ingest::replay {

class StopOnSignal {
 public:
  StopOnSignal();
  ~StopOnSignal();
  [[nodiscard]] std::stop_token token() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::replay
