#include "daemon/telemetry/logging.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/systemd_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>

#include "daemon/telemetry/json_log_formatter.h"

namespace usage_ingest::telemetry {
namespace {

constexpr auto kName = "usage-ingestd";
// Debug lines wait in the buffer for the next info line.
constexpr auto kFlushLevel = spdlog::level::info;

bool StderrIsJournal(const std::string& journal_stream) {
  struct stat status{};
  if (journal_stream.empty() || fstat(STDERR_FILENO, &status) != 0) return false;
  return journal_stream == fmt::format("{}:{}", status.st_dev, status.st_ino);
}

spdlog::level::level_enum ToSpdlog(config::LogLevel level) {
  switch (level) {
    case config::LogLevel::kTrace:
      return spdlog::level::trace;
    case config::LogLevel::kDebug:
      return spdlog::level::debug;
    case config::LogLevel::kInfo:
      return spdlog::level::info;
    case config::LogLevel::kWarn:
      return spdlog::level::warn;
    case config::LogLevel::kError:
      break;
  }
  return spdlog::level::err;
}

spdlog::sink_ptr MakeSink(LogTarget target) {
  if (target == LogTarget::kJournal) {
    return std::make_shared<spdlog::sinks::systemd_sink_mt>(kName);
  }
  // Colours only on a terminal: the sink looks. Source: no-color.org.
  auto sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>();
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') sink->set_color_mode(spdlog::color_mode::never);
  if (target == LogTarget::kJson) {
    sink->set_formatter(MakeJsonLogFormatter());
  } else {
    sink->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "%Y-%m-%dT%H:%M:%S.%eZ %^%l%$ %v", spdlog::pattern_time_type::utc));
  }
  return sink;
}

}  // namespace

LogTarget ChooseLogTarget(config::LogFormat format, const std::string& journal_stream) {
  switch (format) {
    case config::LogFormat::kText:
      return LogTarget::kText;
    case config::LogFormat::kJson:
      return LogTarget::kJson;
    case config::LogFormat::kAuto:
      break;
  }
  return StderrIsJournal(journal_stream) ? LogTarget::kJournal : LogTarget::kText;
}

std::string JournalLines(std::string_view text, int level) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  if (!StderrIsJournal(stream == nullptr ? "" : stream)) return std::string(text);
  const std::string prefix = fmt::format("<{}>", level);
  std::string lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines += prefix;
    lines += text.substr(0, end);
    text.remove_prefix(end);
  }
  return lines;
}

void SetUpLogging(config::LogLevel level, config::LogFormat format) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  const LogTarget target = ChooseLogTarget(format, stream == nullptr ? "" : stream);
  auto logger = std::make_shared<spdlog::logger>(kName, MakeSink(target));
  logger->set_level(ToSpdlog(level));
  logger->flush_on(kFlushLevel);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace usage_ingest::telemetry
