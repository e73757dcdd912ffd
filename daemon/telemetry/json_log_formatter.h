#pragma once
// JsonLogFormatter: a log line as one JSON object.
//
// spdlog's patterns escape nothing: a quote in a message would make the line invalid JSON.
#include <memory>

namespace spdlog {
class formatter;  // NOLINT(readability-identifier-naming): of spdlog
}

namespace usage_ingest::telemetry {

// {"time":"…Z","level":"info","thread":4711,"message":"…"}
[[nodiscard]] std::unique_ptr<spdlog::formatter> MakeJsonLogFormatter();

}  // namespace usage_ingest::telemetry
