#pragma once
// ExitDeadline: ends the process when the rest of its end takes too long.
//
// Destroying a Kafka client joins threads of librdkafka, and those have hung (its issue 4724). By
// then every transaction is committed or rolled back, so nothing is lost when no destructor runs.
//
// Owner         main's thread. Destroyed in time, it does nothing.
#include <chrono>
#include <functional>
#include <semaphore>
#include <thread>

namespace usage_ingest::service {

class ExitDeadline {
 public:
  // `end` is called on a thread of its own, and does not return.
  ExitDeadline(std::chrono::steady_clock::time_point deadline, std::function<void()> end);
  ~ExitDeadline();
  ExitDeadline(const ExitDeadline&) = delete;
  ExitDeadline& operator=(const ExitDeadline&) = delete;

 private:
  std::binary_semaphore in_time_{0};
  std::jthread thread_;
};

}  // namespace usage_ingest::service
