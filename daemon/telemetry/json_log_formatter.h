#pragma once
// JsonLogFormatter: a log line as one JSON object.
//
// spdlog's own patterns can draw braces, but escape nothing: a quote in a message would break the
// line for whoever parses it.
#include <memory>

namespace spdlog {
class formatter;  // NOLINT(readability-identifier-naming): theirs
}

namespace usage_ingest::telemetry {

// {"time":"…Z","level":"info","thread":4711,"message":"…"}
[[nodiscard]] std::unique_ptr<spdlog::formatter> MakeJsonLogFormatter();

}  // namespace usage_ingest::telemetry
