#pragma once
// HttpGet: one GET of the daemon's own address, for the command `status`.
//
// Blocks. One deadline covers the whole exchange.
#include <chrono>
#include <string>

#include "daemon/config/config.h"
#include "schema/error.h"

namespace usage_ingest::http {

// The body of a 200; otherwise kUnavailable with the reason.
[[nodiscard]] Result<std::string> HttpGet(const config::ListenAddress& address,
                                          const std::string& path,
                                          std::chrono::milliseconds timeout);

}  // namespace usage_ingest::http
