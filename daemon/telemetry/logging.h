#pragma once
// Logging: spdlog's default logger, set up from the configuration.
//
// text goes to stderr with a time; json is one object a line; under systemd the journal gets the
// message with its priority and no time of its own, since it has one.
//
// Thread-safety SetUpLogging on main's thread, before others log; SetLogLevel at any time.
// Source        systemd.exec(5), $JOURNAL_STREAM: device and inode of the stream that stderr was
//               connected to; they must be compared, a child may have redirected it.
#include <string>

#include "daemon/config/config.h"

namespace usage_ingest::telemetry {

enum class LogTarget : unsigned char { kText, kJson, kJournal };

// What `format` means for this process; `journal_stream` is $JOURNAL_STREAM or empty.
[[nodiscard]] LogTarget ChooseLogTarget(config::LogFormat format,
                                        const std::string& journal_stream);

void SetUpLogging(config::LogLevel level, config::LogFormat format);
void SetLogLevel(config::LogLevel level);

}  // namespace usage_ingest::telemetry
