#include "daemon/json_log_formatter.h"

#include <spdlog/details/log_msg.h>

#include <chrono>
#include <string>
#include <string_view>

#include "daemon/json_writer.h"
#include "daemon/units.h"

namespace usage_ingest::daemon {

void JsonLogFormatter::format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) {
  const auto since_epoch =
      std::chrono::duration_cast<std::chrono::microseconds>(message.time.time_since_epoch());
  const auto level = spdlog::level::to_string_view(message.level);
  JsonWriter json;
  json.BeginObject();
  json.Key("time").String(FormatIsoTime(EventTimeUs{since_epoch.count()}));
  json.Key("level").String({level.data(), level.size()});
  json.Key("thread").Int(static_cast<std::int64_t>(message.thread_id));
  json.Key("message").String({message.payload.data(), message.payload.size()});
  json.EndObject();
  const std::string line = json.Take() + "\n";
  out.append(line.data(), line.data() + line.size());
}

std::unique_ptr<spdlog::formatter> JsonLogFormatter::clone() const {
  return std::make_unique<JsonLogFormatter>();
}

}  // namespace usage_ingest::daemon
