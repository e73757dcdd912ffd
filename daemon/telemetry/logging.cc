#include "daemon/telemetry/logging.h"

#include <fmt/format.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/systemd_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "daemon/text/json_writer.h"
#include "daemon/text/units.h"

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

// Both have the same levels in the same order.
constexpr spdlog::level::level_enum ToSpdlog(config::LogLevel level) {
  return static_cast<spdlog::level::level_enum>(level);
}
static_assert(ToSpdlog(config::LogLevel::kTrace) == spdlog::level::trace);
static_assert(ToSpdlog(config::LogLevel::kError) == spdlog::level::err);

class JsonLogFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override;
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JsonLogFormatter>();
  }
};

void JsonLogFormatter::format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) {
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::microseconds>(message.time.time_since_epoch());
  const auto level = spdlog::level::to_string_view(message.level);
  text::JsonWriter json;
  json.BeginObject();
  json.Key("time").String(text::FormatIsoTime(EventTimeUs{since_epoch.count()}));
  json.Key("level").String({level.data(), level.size()});
  json.Key("thread").Int(static_cast<std::int64_t>(message.thread_id));
  json.Key("message").String({message.payload.data(), message.payload.size()});
  json.EndObject();
  const std::string line = json.Take() + "\n";
  out.append(line.data(), line.data() + line.size());
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
  if (format == config::LogFormat::kText) return LogTarget::kText;
  if (format == config::LogFormat::kJson) return LogTarget::kJson;
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

std::unique_ptr<spdlog::formatter> MakeJsonLogFormatter() {
  return std::make_unique<JsonLogFormatter>();
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
