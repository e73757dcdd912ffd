#pragma once
// Backoff: the wait between two attempts, longer after each failure, up to a bound.
//
// Half of each wait is random, so that lanes and daemons that failed together do not come back
// together.
//
// Owner         one BatchWriter; its lane's thread.
// Errors        Wait: kShuttingDown after Stop.
#include <chrono>
#include <cstdint>
#include <random>

#include "ingest/pipeline/runtime.h"
#include "ingest/pipeline/task.h"
#include "schema/error.h"

namespace usage_ingest::pipeline {

class Backoff {
 public:
  Backoff(const Runtime& runtime, std::uint_fast32_t seed)
      : runtime_(runtime), stop_(runtime), random_(seed) {}

  // The next Wait is the first one again.
  void Reset() noexcept { failures_ = 0; }
  Task<Result<>> Wait(std::chrono::milliseconds longest);
  // Ends the wait that is going on, and all later ones.
  void Stop();

 private:
  Runtime runtime_;
  Wakeup stop_;
  std::minstd_rand random_;
  int failures_ = 0;  // in a row
  bool stopping_ = false;
};

}  // namespace usage_ingest::pipeline
