#pragma once
// WithPatience: runs an attempt again while it only fails for a lock that somebody holds.
//
// Whoever waits for a strong lock makes everybody queue behind him, so statements that need one run
// under a short lock_timeout and are tried again, with a pause in between that lets the others
// pass.
#include <chrono>
#include <functional>
#include <string_view>

#include "schema/error.h"

namespace usage_ingest::postgres::blocking {

// kUnavailable when `patience` is used up, with how to find who holds the lock.
Result<> WithPatience(std::string_view what, std::chrono::seconds patience,
                      const std::function<Result<>()>& attempt);

}  // namespace usage_ingest::postgres::blocking
