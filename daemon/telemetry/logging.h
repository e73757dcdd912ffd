#pragma once
// Logging: spdlog's default logger, set up from the configuration.
//
// text: lines with a time on stderr. json: one object a line. Under systemd, the journal gets the
// message with its priority and without a time, since it adds one.
//
// Thread-safety SetUpLogging on main's thread, and again at a reload; spdlog from any thread.
// Source        systemd.exec(5), $JOURNAL_STREAM: device and inode of the stream that stderr was
//               connected to; they are compared, since stderr may have been redirected.
#include <memory>
#include <string>
#include <string_view>

#include "daemon/config/config.h"

namespace spdlog {
class formatter;  // NOLINT(readability-identifier-naming): of spdlog
}

namespace usage_ingest::telemetry {

enum class LogTarget : unsigned char { kText, kJson, kJournal };

// What `format` means for this process; `journal_stream` is $JOURNAL_STREAM or empty.
[[nodiscard]] LogTarget ChooseLogTarget(config::LogFormat format,
                                        const std::string& journal_stream);

// `text` as it must be written to stderr before SetUpLogging, or instead of it: in the journal each
// line gets its priority, a level of syslog(3), by sd-daemon(3)'s prefix "<3>".
[[nodiscard]] std::string JournalLines(std::string_view text, int level);

// A log line as one JSON object: {"time":"…Z","level":"info","thread":4711,"message":"…"}.
// spdlog's patterns escape nothing: a quote in a message would make the line invalid JSON.
[[nodiscard]] std::unique_ptr<spdlog::formatter> MakeJsonLogFormatter();

void SetUpLogging(config::LogLevel level, config::LogFormat format);

}  // namespace usage_ingest::telemetry
