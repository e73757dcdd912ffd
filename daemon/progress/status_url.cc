#include "daemon/progress/status_url.h"

#include <algorithm>

#include "daemon/text/units.h"

namespace usage_ingest::progress {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr std::uint16_t kDefaultPort = 80;

bool SetPort(std::string_view text, std::uint16_t& port) {
  port = text::ParseNumber<std::uint16_t>(text).value_or(0);
  return port != 0;
}

// "host", "host:port", "[v6]", "[v6]:port".
bool SetAddress(std::string_view text, config::ListenAddress& address) {
  address.port = kDefaultPort;
  std::size_t host_end = text.find(':');
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return false;
    address.host = text.substr(1, close - 1);
    host_end = close + 1;
    if (host_end == text.size()) return !address.host.empty();
    if (text[host_end] != ':') return false;
  } else {
    address.host = text.substr(0, host_end);
    if (host_end == std::string_view::npos) return !address.host.empty();
  }
  return !address.host.empty() && SetPort(text.substr(host_end + 1), address.port);
}

}  // namespace

std::optional<StatusUrl> ParseStatusUrl(std::string_view url) {
  const auto is_forbidden = [](char c) { return c <= ' ' || c == '?' || c == '#' || c == '@'; };
  if (!url.starts_with(kScheme) || std::ranges::any_of(url, is_forbidden)) return std::nullopt;
  url.remove_prefix(kScheme.size());
  const std::size_t slash = std::min(url.find('/'), url.size());
  StatusUrl parsed;
  if (!SetAddress(url.substr(0, slash), parsed.address)) return std::nullopt;
  std::string prefix(url.substr(slash));
  while (prefix.ends_with('/')) prefix.pop_back();
  if (!prefix.ends_with(parsed.path)) prefix += parsed.path;
  parsed.path = std::move(prefix);
  return parsed;
}

}  // namespace usage_ingest::progress
