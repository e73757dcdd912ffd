#pragma once
// KafkaBroker: a real Apache Kafka (KRaft) of the test's own, one node or several.
//
// Ready in about two seconds: the JVM compiles with its quick compiler only and maps classes that
// an earlier broker loaded (class_archive.h), and the formatted storage is kept in the build folder
// and copied. 350 MB a node.
//
// Owner         the test; destroyed with it, also when the test is killed.
// Source        tests/support/kafka/pom.xml brings the jars; USAGE_INGEST_KAFKA_LIBS names another
//               folder of them.
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/kafka/kafka_admin.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {

struct KafkaOptions {
  int nodes = 1;
  std::string host = "127.0.0.1";                    // a network namespace needs another address
  std::vector<std::string> listeners = {};           // more of them, "SASL_SSL://host:port"
  std::map<std::string, std::string> settings = {};  // server.properties, over ours
  std::string jvm_option = {};                       // empty: the archive of classes is used
};

class KafkaBroker {
 public:
  explicit KafkaBroker(KafkaOptions options = {});
  ~KafkaBroker();
  KafkaBroker(const KafkaBroker&) = delete;
  KafkaBroker& operator=(const KafkaBroker&) = delete;

  // bootstrap.servers: all nodes, also those that are stopped.
  [[nodiscard]] std::string brokers() const;
  [[nodiscard]] KafkaAdmin& admin() { return *admin_; }
  void CreateTopic(const std::string& topic, int partitions) {
    admin_->CreateTopic(topic, {.partitions = partitions, .replication = options_.nodes});
  }
  void DeleteTopic(const std::string& topic) { admin_->DeleteTopic(topic); }

  // Nodes are numbered from 1, as in Kafka's metadata. Start returns when all running nodes serve.
  void Start(int node = 1);
  void Stop(int node = 1);  // in order, as an operator does
  void Kill(int node = 1);  // SIGKILL
  // Kills the node that leads the partition, and returns when another one does. Before, it waits
  // until all replicas are in sync: on a busy machine some fall behind, and when none is in sync
  // Kafka waits for the dead node.
  void KillLeader(const std::string& topic, std::int32_t partition);
  [[nodiscard]] bool running(int node = 1);
  void Signal(int node, int signal);
  [[nodiscard]] std::string log(int node = 1) const;
  // Where the node keeps the records of a partition: 00000000000000000000.log and more.
  [[nodiscard]] std::filesystem::path PartitionDirectory(const std::string& topic, int partition,
                                                         int node = 1) const;

 private:
  struct Node {
    std::uint16_t broker_port = 0;
    std::uint16_t controller_port = 0;
    std::filesystem::path directory;
    std::unique_ptr<ChildProcess> process;
  };
  Node& node(int number) { return nodes_.at(static_cast<std::size_t>(number - 1)); }
  void Spawn(int number);
  void WaitForNodes();
  [[nodiscard]] std::string ServerProperties(int number) const;

  TempDir files_;
  KafkaOptions options_;
  std::vector<Node> nodes_;
  std::unique_ptr<KafkaAdmin> admin_;
};

}  // namespace usage_ingest::support
