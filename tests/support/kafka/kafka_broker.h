#pragma once
// KafkaBroker: a real Apache Kafka (KRaft), one node or several, without topics and groups.
//
// It is ready at once if an earlier test has used it (shared_broker.h). One of the test's own needs
// about two seconds: the JVM compiles with its quick compiler only and maps classes that an earlier
// broker loaded (class_archive.h), and the formatted storage is kept in the build folder. 350 MB a
// node.
//
// Owner         the test; one of its own is destroyed with it, also when the test is killed.
// Source        tests/support/kafka/pom.xml brings the jars; USAGE_INGEST_KAFKA_LIBS names another
//               folder of them.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/kafka/kafka_admin.h"
#include "tests/support/kafka/kafka_node.h"
#include "tests/support/kafka/shared_broker.h"
#include "tests/support/temp_dir.h"

namespace usage_ingest::support {

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

  // Nodes are numbered from 1 as in Kafka's metadata. Start, Stop, Kill, Signal: only with options
  // of its own (kafka_node.h), else std::logic_error. Start returns when all running nodes serve.
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
  // Where the records of a partition are, to be damaged: 00000000000000000000.log and more.
  [[nodiscard]] std::filesystem::path PartitionDirectory(const std::string& topic, int partition,
                                                         int node = 1) const;

 private:
  struct Node {
    std::filesystem::path directory;
    std::unique_ptr<ChildProcess> process;
  };
  [[nodiscard]] const Node& node(int number) const;
  Node& node(int number) { return const_cast<Node&>(std::as_const(*this).node(number)); }
  void StartOwn();
  void Spawn(int number);
  void WaitForNodes();

  KafkaOptions options_;
  std::unique_ptr<SharedBroker> shared_;
  std::unique_ptr<TempDir> files_;  // of its own nodes
  std::vector<Node> nodes_;
  std::vector<NodePorts> ports_;
  std::unique_ptr<KafkaAdmin> admin_;
};

}  // namespace usage_ingest::support
