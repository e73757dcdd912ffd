#pragma once
// StopOnSignal: SIGINT and SIGTERM become a stop_token for a command that is no daemon.
//
// What a command waits for obeys the token. A wait that does not, such as the read of a pipe that
// nothing is written to, must not keep the process: it ends kEndMax after the signal in any case.
// Nothing is lost: what is not committed is rolled back.
//
// Owner         one command; one object at a time. A second signal has its default effect.
#include <chrono>
#include <memory>
#include <stop_token>

namespace usage_ingest::replay {

class StopOnSignal {
 public:
  static constexpr auto kEndMax = std::chrono::milliseconds(2500);

  StopOnSignal();
  ~StopOnSignal();
  [[nodiscard]] std::stop_token token() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace usage_ingest::replay
