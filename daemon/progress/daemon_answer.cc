#include "daemon/progress/daemon_answer.h"

#include <boost/json.hpp>
#include <chrono>

#include "daemon/http/http_get.h"

namespace usage_ingest::progress {
namespace {

namespace json = boost::json;

constexpr auto kTimeout = std::chrono::seconds(5);

}  // namespace

DaemonAnswer AskDaemon(const StatusUrl& url) {
  auto answer = http::HttpGet(url.address, url.path, kTimeout);
  if (!answer) return {.text = {}, .json = {}, .error = answer.error().context};
  boost::system::error_code error;
  const json::value value = json::parse(*answer, error);
  if (error || !value.is_object()) {
    return {.text = {}, .json = {}, .error = "the program that answers there is not usage-ingestd"};
  }
  return {.text = *answer, .json = value.as_object(), .error = {}};
}

void WriteDaemonAnswer(text::JsonWriter& json, const DaemonAnswer& answer) {
  json.Key("daemon");
  if (answer.has_answered()) {
    json.Raw(answer.text);
  } else {
    json.Null().Key("daemon_error").String(answer.error);
  }
}

double NumberOf(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_number() ? value->to_number<double>() : 0;
}

std::string TextOf(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

bool IsUnknown(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr || value->is_null();
}

bool IsReady(const json::object& daemon) {
  const json::value* ready = daemon.if_contains("ready");
  return ready != nullptr && ready->is_bool() && ready->as_bool();
}

}  // namespace usage_ingest::progress
