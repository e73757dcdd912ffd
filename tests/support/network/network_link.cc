#include "tests/support/network/network_link.h"

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

void Run(const std::string& line, std::vector<std::string> command = {}) {
  std::istringstream words(line);
  for (std::string word; words >> word;) command.push_back(word);
  const CommandResult result = RunCommand({.command = command}, After(10s));
  if (result.exit_code != 0) throw std::runtime_error(line + ": " + result.errors);
}

void Ip(const std::string& arguments, std::vector<std::string> prefix = {}) {
  Run("ip " + arguments, std::move(prefix));
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

FarSide::FarSide()
    : holder_(std::make_unique<ChildProcess>(
          ChildOptions{.command = {"unshare", "--net", "sleep", "infinity"}})) {
  const auto own = std::filesystem::read_symlink("/proc/thread-self/ns/net");
  const bool apart = WaitUntil(After(10s), [&] {
    const auto far = NetworkOf(holder_->pid());
    return !far.empty() && far != own;
  });
  if (!apart) throw std::runtime_error("unshare --net did not make a namespace");
  Ip("link set lo up", prefix());
}

std::vector<std::string> FarSide::prefix() const {
  return {"nsenter", "--target", std::to_string(holder_->pid()), "--net"};
}

std::string FarSide::Get(std::uint16_t port, const std::string& path) const {
  std::vector<std::string> command = prefix();
  command.insert(command.end(),
                 {"bash", "-c",
                  "exec 3<>/dev/tcp/127.0.0.1/" + std::to_string(port) + " && printf 'GET " + path +
                      " HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n' >&3 && cat <&3"});
  return RunCommand({.command = command}, After(10s)).output;
}

NetworkLink::NetworkLink(const FarSide& side, int number)
    : name_("cable" + std::to_string(number)),
      near_("10.77." + std::to_string(number) + ".1"),
      far_("10.77." + std::to_string(number) + ".2") {
  Ip("link add " + name_ + " type veth peer name " + name_ + " netns " +
     std::to_string(side.pid()));
  // On the loopback: the address must stay while the cable is cut.
  Ip("address add " + near_ + "/32 dev lo");
  Ip("address add " + far_ + "/32 dev " + name_, side.prefix());
  Ip("link set " + name_ + " up", side.prefix());
  Heal();
  Ip("route add " + near_ + "/32 dev " + name_ + " src " + far_, side.prefix());
}

void NetworkLink::Cut() const { Ip("link set " + name_ + " down"); }

void NetworkLink::Heal() const {
  Ip("link set " + name_ + " up");
  // The route goes with the link.
  Ip("route replace " + far_ + "/32 dev " + name_ + " src " + near_);
}

// A burst is more than the largest packet of a veth, 64 KiB: a larger one would never get through.
void NetworkLink::Throttle(int kbytes_per_second) const {
  Run("tc qdisc replace dev " + name_ + " root tbf rate " + std::to_string(kbytes_per_second * 8) +
      "kbit burst 128kb latency 400ms");
}

}  // namespace usage_ingest::support
