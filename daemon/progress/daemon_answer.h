#pragma once
// DaemonAnswer: what a daemon says of itself at /status.
//
// Errors        none: a daemon that does not answer is an answer with an `error`.
#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "daemon/progress/status_url.h"
#include "daemon/text/json_writer.h"

namespace usage_ingest::progress {

struct DaemonAnswer {
  std::string text;          // valid JSON; empty when the daemon did not answer
  boost::json::object json;  // the same
  std::string error;

  [[nodiscard]] bool has_answered() const { return !text.empty(); }
};

// Blocks, at most five seconds.
[[nodiscard]] DaemonAnswer AskDaemon(const StatusUrl& url);

// "daemon", or null and "daemon_error", as members of an object that has begun.
void WriteDaemonAnswer(text::JsonWriter& json, const DaemonAnswer& answer);

// Fields of /status. A missing one is 0 or empty: the daemon may be of another version.
[[nodiscard]] double NumberOf(const boost::json::object& object, std::string_view key);
[[nodiscard]] std::string TextOf(const boost::json::object& object, std::string_view key);
[[nodiscard]] bool IsUnknown(const boost::json::object& object, std::string_view key);
[[nodiscard]] bool IsReady(const boost::json::object& daemon);

}  // namespace usage_ingest::progress
