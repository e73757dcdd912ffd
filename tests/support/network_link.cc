#include "tests/support/network_link.h"

#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <sstream>
#include <stdexcept>
#include <system_error>

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;

void Ip(const std::string& arguments, std::vector<std::string> command = {}) {
  std::istringstream words("ip " + arguments);
  for (std::string word; words >> word;) command.push_back(word);
  const CommandResult result = RunCommand({.command = command}, After(10s));
  if (result.exit_code != 0) throw std::runtime_error("ip " + arguments + ": " + result.errors);
}

std::filesystem::path NetworkOf(pid_t pid) {
  std::error_code gone;  // then the caller sees an empty path
  return std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/ns/net", gone);
}

}  // namespace

void IsolateNetwork() {
  if (unshare(CLONE_NEWNET) != 0) {
    throw std::system_error(errno, std::generic_category(), "network namespace (needs root)");
  }
  Ip("link set lo up");
}

NetworkLink::NetworkLink()
    : holder_(std::make_unique<ChildProcess>(
          ChildOptions{.command = {"unshare", "--net", "sleep", "infinity"}})) {
  const auto own = std::filesystem::read_symlink("/proc/thread-self/ns/net");
  const bool apart = WaitUntil(After(10s), [&] {
    const auto far = NetworkOf(holder_->pid());
    return !far.empty() && far != own;
  });
  if (!apart) throw std::runtime_error("unshare --net did not make a namespace");
  const std::string pid = std::to_string(holder_->pid());
  const std::string near(kNearAddress);
  const std::string far(kFarAddress);
  Ip("link add near type veth peer name far netns " + pid);
  // On the loopback: the address must stay while the cable is cut.
  Ip("address add " + near + "/32 dev lo");
  Ip("link set near up");
  Ip("route add " + far + "/32 dev near src " + near);
  Ip("link set lo up", far_prefix());
  Ip("address add " + far + "/32 dev far", far_prefix());
  Ip("link set far up", far_prefix());
  Ip("route add " + near + "/32 dev far src " + far, far_prefix());
}

std::vector<std::string> NetworkLink::far_prefix() const {
  return {"nsenter", "--target", std::to_string(holder_->pid()), "--net"};
}

void NetworkLink::Cut() const { Ip("link set near down"); }

void NetworkLink::Heal() const {
  Ip("link set near up");
  // The route went with the link.
  Ip(std::string("route replace ") + kFarAddress + "/32 dev near src " + kNearAddress);
}

}  // namespace usage_ingest::support
