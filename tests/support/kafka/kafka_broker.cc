#include "tests/support/kafka/kafka_broker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "tests/support/kafka/class_archive.h"
#include "tests/support/made_once.h"
#include "tests/support/network/free_port.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

// Three nodes start beside other tests on two slow cores.
constexpr auto kStartMax = 180s;
constexpr auto kStopMax = 40s;
constexpr char kClusterId[] = "dXNhZ2UtaW5nZXN0LXRlcw";  // any 16 bytes in base64

fs::path Libraries() {
  const char* folder = std::getenv("USAGE_INGEST_KAFKA_LIBS");
  const fs::path libraries = folder == nullptr ? USAGE_INGEST_KAFKA_LIBS : folder;
  if (!fs::exists(libraries)) {
    throw std::runtime_error("no Kafka in " + libraries.string() + ": run tools/setup kafka");
  }
  return libraries;
}

std::vector<std::string> Java(const std::string& heap, const std::string& main_class) {
  // C1 alone starts a broker in half the time and the tests' brokers do not live long.
  return {"java",
          "-Xms64m",
          "-Xmx" + heap,
          "-XX:+UseSerialGC",
          "-XX:TieredStopAtLevel=1",
          "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
          "-Dorg.slf4j.simpleLogger.showDateTime=true",
          "-cp",
          (Libraries() / "*").string(),
          main_class};
}

// "kafka_2.13-4.1.2": storage that another version formatted is not used.
std::string Version() {
  for (const auto& jar : fs::directory_iterator(Libraries())) {
    const std::string name = jar.path().stem().string();
    if (name.starts_with("kafka_")) return name;
  }
  throw std::runtime_error("no kafka_*.jar in " + Libraries().string());
}

// A formatted log directory of node `number`, made once and copied by every test.
fs::path Template(int number, const std::string& properties, const fs::path& scratch) {
  return MadeOnce(Version() + "-node-" + std::to_string(number), [&](const fs::path& made) {
    const fs::path file = scratch / "format.properties";
    std::ofstream(file) << properties << "log.dirs=" << made.string() << "\n";
    std::vector<std::string> command = Java("256m", "kafka.tools.StorageTool");
    for (const char* word : {"format", "-t", kClusterId, "-c"}) command.emplace_back(word);
    command.push_back(file.string());
    const CommandResult result = RunCommand({.command = command}, After(kStartMax));
    if (result.exit_code != 0) {
      throw std::runtime_error("StorageTool format: " + result.output + result.errors);
    }
  });
}

}  // namespace

KafkaBroker::KafkaBroker(KafkaOptions options)
    : options_(std::move(options)), nodes_(static_cast<std::size_t>(options_.nodes)) {
  for (int number = 1; number <= options_.nodes; ++number) {
    node(number).broker_port = FreePort();
    node(number).controller_port = FreePort();
    node(number).directory = files_.path() / ("node-" + std::to_string(number));
    fs::create_directory(node(number).directory);
  }
  for (int number = 1; number <= options_.nodes; ++number) {
    const fs::path& directory = node(number).directory;
    const std::string properties = ServerProperties(number);
    fs::copy(Template(number, properties, directory), directory / "data",
             fs::copy_options::recursive);
    std::ofstream(directory / "server.properties")
        << properties << "log.dirs=" << (directory / "data").string() << "\n";
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
  for (const Node& each : nodes_) {
    if (!result.empty()) result += ",";
    result += options_.host + ":" + std::to_string(each.broker_port);
  }
  return result;
}

std::string KafkaBroker::ServerProperties(int number) const {
  std::string voters;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    voters += (i == 0 ? "" : ",") + std::to_string(i + 1) + "@" + options_.host + ":" +
              std::to_string(nodes_[i].controller_port);
  }
  const Node& self = nodes_.at(static_cast<std::size_t>(number - 1));
  std::string listener = "PLAINTEXT://" + options_.host + ":" + std::to_string(self.broker_port);
  for (const std::string& more : options_.listeners) listener += "," + more;
  const std::string replicas = std::to_string(options_.nodes);
  std::map<std::string, std::string> properties = {
      {"process.roles", "broker,controller"},
      {"node.id", std::to_string(number)},
      {"controller.quorum.voters", voters},
      {"controller.listener.names", "CONTROLLER"},
      {"listeners",
       listener + ",CONTROLLER://" + options_.host + ":" + std::to_string(self.controller_port)},
      {"advertised.listeners", listener},
      {"auto.create.topics.enable", "false"},
      {"group.initial.rebalance.delay.ms", "0"},
      {"group.min.session.timeout.ms", "1000"},
      {"offsets.topic.num.partitions", "1"},
      {"offsets.topic.replication.factor", replicas},
      // Events have the time of their request: after a week Kafka would delete the captured ones.
      {"log.retention.ms", "-1"},
      {"transaction.state.log.num.partitions", "1"},
      {"transaction.state.log.replication.factor", replicas},
      {"transaction.state.log.min.isr", "1"},
      {"message.max.bytes", "16777216"},
      // A dead node is noticed in three seconds, not nine.
      {"broker.session.timeout.ms", "3000"},
      {"broker.heartbeat.interval.ms", "500"},
      {"controlled.shutdown.enable", options_.nodes > 1 ? "true" : "false"}};
  for (const auto& [name, value] : options_.settings) properties[name] = value;
  std::string text;
  for (const auto& [name, value] : properties) text += fmt::format("{}={}\n", name, value);
  return text;
}

void KafkaBroker::Spawn(int number) {
  Node& self = node(number);
  std::vector<std::string> command = Java(options_.nodes > 1 ? "256m" : "512m", "kafka.Kafka");
  command.insert(command.begin() + 1,
                 options_.jvm_option.empty() ? UseOfClassArchive(Version()) : options_.jvm_option);
  command.push_back((self.directory / "server.properties").string());
  self.process = std::make_unique<ChildProcess>(ChildOptions{
      .command = command, .working_directory = self.directory, .output = self.directory / "log"});
}

void KafkaBroker::WaitForNodes() {
  const auto expected = std::count_if(nodes_.begin(), nodes_.end(), [](Node& each) {
    return each.process != nullptr && each.process->running();
  });
  const bool up = WaitUntil(After(kStartMax), [&] {
    for (int number = 1; number <= options_.nodes; ++number) {
      Node& each = node(number);
      if (each.process != nullptr && each.process->TryWait().value_or(0) != 0) {
        throw std::runtime_error("kafka ended at start\n" + log(number));
      }
    }
    try {
      return admin_->BrokerCount() >= expected;
    } catch (const KafkaError&) {
      return false;
    }
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
  const Node& self = nodes_.at(static_cast<std::size_t>(number - 1));
  return self.directory / "data" / (topic + "-" + std::to_string(partition));
}

std::string KafkaBroker::log(int number) const {
  return ReadFile(nodes_.at(static_cast<std::size_t>(number - 1)).directory / "log");
}

}  // namespace usage_ingest::support
