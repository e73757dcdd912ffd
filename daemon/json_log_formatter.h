#pragma once
// JsonLogFormatter: a log line as one JSON object.
//
// spdlog's own patterns can draw braces, but escape nothing: a quote in a message would break the
// line for whoever parses it.
#include <spdlog/formatter.h>

#include <memory>

namespace usage_ingest::daemon {

class JsonLogFormatter final : public spdlog::formatter {
 public:
  // {"time":"…Z","level":"info","thread":4711,"message":"…"}
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override;
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override;
};

}  // namespace usage_ingest::daemon
