#include "daemon/telemetry/json_log_formatter.h"

#include <spdlog/details/log_msg.h>
#include <spdlog/formatter.h>

#include <chrono>
#include <string>
#include <string_view>

#include "daemon/text/json_writer.h"
#include "daemon/text/units.h"

namespace usage_ingest::telemetry {

namespace {

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

}  // namespace

std::unique_ptr<spdlog::formatter> MakeJsonLogFormatter() {
  return std::make_unique<JsonLogFormatter>();
}

}  // namespace usage_ingest::telemetry
