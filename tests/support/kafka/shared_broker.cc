#include "tests/support/kafka/shared_broker.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <system_error>

#include "tests/support/child_process.h"
#include "tests/support/kafka/kafka_admin.h"
#include "tests/support/kafka/kafka_node.h"
#include "tests/support/network/free_port.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

constexpr int kBrokersMax = 12;
constexpr auto kStartMax = 180s;
constexpr auto kFreeMax = 120s;  // a session times out after 45 s, Kafka's default, or less

// Of this user and this build folder: another one may have another Kafka or other settings.
fs::path Directory(int number) {
  std::string name = "usage-ingest-kafka-" + std::to_string(geteuid());
  const std::size_t build = std::hash<std::string>{}(USAGE_INGEST_TEST_CACHE);
  return TempDir::Root() / (name + "-" + std::to_string(build % 100'000)) / std::to_string(number);
}

std::string Address(std::uint16_t port) { return "127.0.0.1:" + std::to_string(port); }

}  // namespace

// A daemon that was killed is a member of its group until its session times out. Until then the
// broker cannot be emptied, and another one is taken.
SharedBroker::SharedBroker() {
  const bool taken = WaitUntil(After(kFreeMax), [&] {
    for (const Kind kind : {Kind::kUsed, Kind::kNew}) {
      for (int number = 0; number < kBrokersMax; ++number) {
        if (Take(Directory(number), kind)) return true;
      }
    }
    return false;
  });
  if (!taken) throw std::runtime_error("all shared brokers are in use or have groups with members");
}

SharedBroker::~SharedBroker() { close(lock_); }

bool SharedBroker::Take(const fs::path& directory, Kind kind) {
  if (kind == Kind::kUsed && !fs::exists(directory / "port")) return false;
  fs::create_directories(directory);
  lock_ = open((directory / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) throw std::system_error(errno, std::generic_category(), directory.string());
  if (flock(lock_, LOCK_EX | LOCK_NB) == 0) {
    directory_ = directory;
    const bool runs = Runs();
    if (kind == Kind::kUsed && runs && Empty()) return true;
    if (kind == Kind::kNew && !runs) {
      Start();
      return true;
    }
  }
  close(lock_);
  lock_ = -1;
  return false;
}

bool SharedBroker::Runs() {
  port_ = 0;
  std::ifstream(directory_ / "port") >> port_;
  return port_ != 0 && IsListening(port_);
}

bool SharedBroker::Empty() {
  log_begin_ = fs::file_size(directory_ / "log");
  return KafkaAdmin(Address(port_)).MakeEmpty();
}

void SharedBroker::Start() {
  fs::remove(directory_ / "port");
  fs::remove(directory_ / "log");
  const KafkaOptions options;
  const NodePorts ports{.broker = FreePort(), .controller = FreePort()};
  fs::remove_all(directory_ / "data");
  MakeNodeFiles(directory_, options, {ports}, 1);
  std::vector<std::string> command = {USAGE_INGEST_BROKER_KEEPER, directory_.string()};
  const std::vector<std::string> node = NodeCommand(directory_, options);
  command.insert(command.end(), node.begin(), node.end());
  const CommandResult kept = RunCommand({.command = command}, After(10s));
  if (kept.exit_code != 0) throw std::runtime_error("broker_keeper: " + kept.errors);
  port_ = ports.broker;
  log_begin_ = 0;
  KafkaAdmin admin(Address(port_));
  if (!WaitUntil(After(kStartMax), [&] { return admin.HasBrokers(1); })) {
    throw std::runtime_error("kafka did not start\n" + log());
  }
  std::ofstream(directory_ / "port") << port_;
}

std::string SharedBroker::log() const {
  const std::string all = ReadFile(directory_ / "log");
  return all.substr(std::min(log_begin_, all.size()));
}

}  // namespace usage_ingest::support
