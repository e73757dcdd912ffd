#include "tests/support/kafka/kafka_broker.h"

#include <algorithm>
#include <stdexcept>

#include "tests/support/network/free_port.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// Three nodes start beside other tests on two slow cores.
constexpr auto kStartMax = 180s;
constexpr auto kStopMax = 40s;

bool CanBeShared(const KafkaOptions& options) {
  const KafkaOptions usual;
  return !options.own && options.nodes == usual.nodes && options.host == usual.host &&
         options.listeners.empty() && options.settings.empty() && options.jvm_option.empty();
}

}  // namespace

KafkaBroker::KafkaBroker(KafkaOptions options) : options_(std::move(options)) {
  if (CanBeShared(options_)) {
    shared_ = std::make_unique<SharedBroker>();
    ports_.push_back({.broker = shared_->port()});
    admin_ = std::make_unique<KafkaAdmin>(brokers());
  } else {
    StartOwn();
  }
}

void KafkaBroker::StartOwn() {
  files_ = std::make_unique<TempDir>();
  for (int number = 1; number <= options_.nodes; ++number) {
    ports_.push_back({.broker = FreePort(), .controller = FreePort()});
  }
  for (int number = 1; number <= options_.nodes; ++number) {
    nodes_.push_back({files_->path() / ("node-" + std::to_string(number)), nullptr});
    fs::create_directory(node(number).directory);
    MakeNodeFiles(node(number).directory, options_, ports_, number);
    Spawn(number);
  }
  admin_ = std::make_unique<KafkaAdmin>(brokers());
  WaitForNodes();
}

KafkaBroker::~KafkaBroker() {
  admin_.reset();
  for (Node& each : nodes_) each.process.reset();  // killed: nothing in it is needed any more
}

std::string KafkaBroker::brokers() const {
  std::string result;
  for (const NodePorts& each : ports_) {
    if (!result.empty()) result += ",";
    result += options_.host + ":" + std::to_string(each.broker);
  }
  return result;
}

void KafkaBroker::Spawn(int number) {
  Node& self = node(number);
  self.process =
      std::make_unique<ChildProcess>(ChildOptions{.command = NodeCommand(self.directory, options_),
                                                  .working_directory = self.directory,
                                                  .output = self.directory / "log"});
}

const KafkaBroker::Node& KafkaBroker::node(int number) const {
  if (shared_) throw std::logic_error("another test uses this broker next; set KafkaOptions::own");
  return nodes_.at(static_cast<std::size_t>(number - 1));
}

void KafkaBroker::WaitForNodes() {
  const auto expected = static_cast<int>(std::ranges::count_if(
      nodes_, [](Node& each) { return each.process != nullptr && each.process->running(); }));
  const bool up = WaitUntil(After(kStartMax), [&] {
    for (int number = 1; number <= options_.nodes; ++number) {
      Node& each = node(number);
      if (each.process != nullptr && each.process->TryWait().value_or(0) != 0) {
        throw std::runtime_error("kafka ended at start\n" + log(number));
      }
    }
    return admin_->HasBrokers(expected);
  });
  if (!up) throw std::runtime_error("kafka did not start\n" + log());
}

void KafkaBroker::Start(int number) {
  Spawn(number);
  WaitForNodes();
}

void KafkaBroker::Stop(int number) {
  Node& self = node(number);
  self.process->Signal(SIGTERM);
  if (!self.process->WaitExit(After(kStopMax))) {
    throw std::runtime_error("kafka did not stop\n" + log(number));
  }
  self.process.reset();
}

void KafkaBroker::Kill(int number) { node(number).process.reset(); }

void KafkaBroker::KillLeader(const std::string& topic, std::int32_t partition) {
  if (!WaitUntil(After(kStartMax), [&] { return admin_->AreReplicasInSync(); })) {
    throw std::runtime_error("replicas are not in sync\n" + log());
  }
  const std::int32_t leader = admin_->Leader(topic, partition);
  Kill(leader);
  const bool moved = WaitUntil(After(kStartMax), [&] {
    const std::int32_t now = admin_->Leader(topic, partition);
    return now > 0 && now != leader;
  });
  if (!moved)
    throw std::runtime_error("no other node leads " + topic + "\n" +
                             log(leader % options_.nodes + 1));
}

bool KafkaBroker::running(int number) {
  return node(number).process != nullptr && node(number).process->running();
}

void KafkaBroker::Signal(int number, int signal) { node(number).process->Signal(signal); }

fs::path KafkaBroker::PartitionDirectory(const std::string& topic, int partition,
                                         int number) const {
  const fs::path& directory = shared_ ? shared_->directory() : node(number).directory;
  return directory / "data" / (topic + "-" + std::to_string(partition));
}

std::string KafkaBroker::log(int number) const {
  return shared_ ? shared_->log() : ReadFile(node(number).directory / "log");
}

}  // namespace usage_ingest::support
