#include "ingest/postgres/session/connect_plan.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "schema/limits.h"

namespace usage_ingest::postgres::session {
namespace {

constexpr std::chrono::seconds kNoLimit = std::chrono::hours(24);

std::vector<std::string> SplitList(std::string_view list) {
  std::vector<std::string> parts;
  for (;;) {
    const std::size_t comma = list.find(',');
    parts.emplace_back(list.substr(0, comma));
    if (comma == std::string_view::npos) return parts;
    list.remove_prefix(comma + 1);
  }
}

// One port serves all hosts.
std::string At(const std::vector<std::string>& list, std::size_t i) {
  return list.size() == 1 ? list.front() : i < list.size() ? list[i] : "";
}

// libpq takes zero and less as "no limit".
std::chrono::seconds TimeoutOf(const std::string& text) {
  if (text.empty()) return limits::kConnectTimeout;
  const int seconds = std::atoi(text.c_str());
  return seconds > 0 ? std::chrono::seconds(seconds) : kNoLimit;
}

}  // namespace

ConnectPlan PlanOf(PGconn* started) {
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconninfo(started),
                                                                             &PQconninfoFree);
  std::string hosts;
  std::string addresses;
  std::string ports;
  std::string timeout;
  for (const PQconninfoOption* option = options.get();
       option != nullptr && option->keyword != nullptr; ++option) {
    const std::string_view keyword = option->keyword;
    if (option->val == nullptr) continue;
    if (keyword == "host") hosts = option->val;
    if (keyword == "hostaddr") addresses = option->val;
    if (keyword == "port") ports = option->val;
    if (keyword == "connect_timeout") timeout = option->val;
  }
  const auto host = SplitList(hosts);
  const auto address = SplitList(addresses);
  const auto port = SplitList(ports);
  ConnectPlan plan{.servers = {}, .timeout = TimeoutOf(timeout)};
  for (std::size_t i = 0; i < std::max(host.size(), address.size()); ++i) {
    plan.servers.push_back({At(host, i), At(address, i), At(port, i)});
  }
  return plan;
}

}  // namespace usage_ingest::postgres::session
