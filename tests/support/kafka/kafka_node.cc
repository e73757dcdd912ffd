#include "tests/support/kafka/kafka_node.h"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <stdexcept>

#include "tests/support/child_process.h"
#include "tests/support/kafka/class_archive.h"
#include "tests/support/made_once.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;

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

std::string Properties(const KafkaOptions& options, const std::vector<NodePorts>& ports,
                       int number) {
  std::string voters;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    voters +=
        fmt::format("{}{}@{}:{}", i == 0 ? "" : ",", i + 1, options.host, ports[i].controller);
  }
  const NodePorts& self = ports.at(static_cast<std::size_t>(number - 1));
  std::string listener = fmt::format("PLAINTEXT://{}:{}", options.host, self.broker);
  for (const std::string& more : options.listeners) listener += "," + more;
  const std::string replicas = std::to_string(options.nodes);
  std::map<std::string, std::string> properties = {
      {"process.roles", "broker,controller"},
      {"node.id", std::to_string(number)},
      {"controller.quorum.voters", voters},
      {"controller.listener.names", "CONTROLLER"},
      {"listeners", fmt::format("{},CONTROLLER://{}:{}", listener, options.host, self.controller)},
      {"advertised.listeners", listener},
      {"auto.create.topics.enable", "false"},
      {"group.initial.rebalance.delay.ms", "0"},
      {"group.min.session.timeout.ms", "1000"},
      {"offsets.topic.num.partitions", "1"},
      {"offsets.topic.replication.factor", replicas},
      // Events have the time of their request: after a week Kafka would delete the captured ones.
      {"log.retention.ms", "-1"},
      // A deleted topic keeps its files for a minute by default; they are in memory.
      {"log.segment.delete.delay.ms", "1000"},
      {"transaction.state.log.num.partitions", "1"},
      {"transaction.state.log.replication.factor", replicas},
      {"transaction.state.log.min.isr", "1"},
      {"message.max.bytes", "16777216"},
      {"controlled.shutdown.enable", "false"}};
  if (options.nodes > 1) {
    properties["controlled.shutdown.enable"] = "true";
    // A dead node is noticed in three seconds, not nine.
    properties["broker.session.timeout.ms"] = "3000";
    properties["broker.heartbeat.interval.ms"] = "500";
  }
  for (const auto& [name, value] : options.settings) properties[name] = value;
  std::string text;
  for (const auto& [name, value] : properties) text += fmt::format("{}={}\n", name, value);
  return text;
}

// The storage of the node before its first start; its content depends on the number alone.
fs::path FormattedStorage(const std::string& properties, int number) {
  return MadeOnce(fmt::format("{}-node-{}", KafkaVersion(), number), [&](const fs::path& made) {
    const TempDir scratch;
    const fs::path file = scratch.path() / "format.properties";
    std::ofstream(file) << properties << "log.dirs=" << made.string() << "\n";
    std::vector<std::string> command = Java("256m", "kafka.tools.StorageTool");
    for (const char* word : {"format", "-t", kClusterId, "-c"}) command.emplace_back(word);
    command.push_back(file.string());
    const CommandResult result = RunCommand({.command = command}, After(60s));
    if (result.exit_code != 0) {
      throw std::runtime_error("StorageTool format: " + result.output + result.errors);
    }
  });
}

}  // namespace

std::string KafkaVersion() {
  for (const auto& jar : fs::directory_iterator(Libraries())) {
    const std::string name = jar.path().stem().string();
    if (name.starts_with("kafka_")) return name;
  }
  throw std::runtime_error("no kafka_*.jar in " + Libraries().string());
}

void MakeNodeFiles(const fs::path& directory, const KafkaOptions& options,
                   const std::vector<NodePorts>& ports, int number) {
  const std::string properties = Properties(options, ports, number);
  fs::copy(FormattedStorage(properties, number), directory / "data", fs::copy_options::recursive);
  std::ofstream(directory / "server.properties")
      << properties << "log.dirs=" << (directory / "data").string() << "\n";
}

std::vector<std::string> NodeCommand(const fs::path& directory, const KafkaOptions& options) {
  std::vector<std::string> command = Java(options.nodes > 1 ? "256m" : "512m", "kafka.Kafka");
  command.insert(command.begin() + 1, options.jvm_option.empty() ? UseOfClassArchive(KafkaVersion())
                                                                 : options.jvm_option);
  command.push_back((directory / "server.properties").string());
  return command;
}

}  // namespace usage_ingest::support
