#pragma once
// StatusUrl: where `status --url` finds a daemon: an address and the path of its /status.
//
// Limit         http only: the daemon has no TLS, and a proxy that has is on a way of its own.
#include <optional>
#include <string>
#include <string_view>

#include "daemon/config/config.h"

namespace usage_ingest::progress {

struct StatusUrl {
  config::ListenAddress address;
  std::string path = "/status";
  friend bool operator==(const StatusUrl&, const StatusUrl&) = default;
};

// "http://host:19464/", with or without a path that a proxy adds, and with or without "status" at
// its end. The port is 80 when none is given. std::nullopt: it is not such an address.
[[nodiscard]] std::optional<StatusUrl> ParseStatusUrl(std::string_view url);

}  // namespace usage_ingest::progress
