#pragma once
// RetryWhileLocked: repeats an attempt while it fails only because another session holds a lock.
//
// A session that waits for a strong lock makes all later ones queue behind it. So statements that
// need one run under a short lock_timeout and are repeated, with a pause in which the others run.
#include <chrono>
#include <functional>
#include <string_view>

#include "schema/error.h"

namespace usage_ingest::postgres::blocking {

// kUnavailable after `wait_max`, with how to find the session that holds the lock.
Result<> RetryWhileLocked(std::string_view what, std::chrono::seconds wait_max,
                          const std::function<Result<>()>& attempt);

}  // namespace usage_ingest::postgres::blocking
