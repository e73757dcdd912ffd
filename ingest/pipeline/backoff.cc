#include "ingest/pipeline/backoff.h"

#include <algorithm>

#include "schema/limits.h"

namespace usage_ingest::pipeline {

using std::chrono::milliseconds;

Task<Result<>> Backoff::Wait(milliseconds longest) {
  constexpr int kDoublingsMax = 7;  // kBackoffMin * 2^7 is above kBackoffMax
  const auto bound = std::min<milliseconds>(
      limits::kBackoffMin * (1 << std::min(failures_, kDoublingsMax)), longest);
  ++failures_;
  std::uniform_int_distribution<milliseconds::rep> wait(bound.count() / 2, bound.count());
  if (!stopping_) co_await stop_.WaitUntil(runtime_.clock.Now() + milliseconds(wait(random_)));
  if (stopping_) co_return Fail(ErrorCode::kShuttingDown, "stopped while PostgreSQL was away");
  co_return Result<>{};
}

void Backoff::Stop() {
  stopping_ = true;
  stop_.Notify();
}

}  // namespace usage_ingest::pipeline
