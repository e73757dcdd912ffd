#pragma once
// A node of Kafka: its properties, its files and the command that runs it.
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace usage_ingest::support {

struct KafkaOptions {
  int nodes = 1;
  std::string host = "127.0.0.1";                    // a network namespace needs another address
  std::vector<std::string> listeners = {};           // more of them, "SASL_SSL://host:port"
  std::map<std::string, std::string> settings = {};  // server.properties, over ours
  std::string jvm_option = {};                       // empty: the archive of classes is used
  // The test stops or kills it. Else it is one that other tests use before and after
  // (shared_broker.h), unless another option differs.
  bool own = false;
};

struct NodePorts {
  std::uint16_t broker = 0;
  std::uint16_t controller = 0;
};

// Makes server.properties and a formatted `data` in the directory. Nodes are numbered from 1.
void MakeNodeFiles(const std::filesystem::path& directory, const KafkaOptions& options,
                   const std::vector<NodePorts>& ports, int number);

// Runs the node of that directory, until it is stopped.
[[nodiscard]] std::vector<std::string> NodeCommand(const std::filesystem::path& directory,
                                                   const KafkaOptions& options);

// "kafka_2.13-4.1.2": storage that another version formatted is not used.
[[nodiscard]] std::string KafkaVersion();

}  // namespace usage_ingest::support
