#pragma once
// MockCluster: librdkafka's own broker in this process, for protocol faults that a real one does
// not make on demand. It keeps 5 MiB a partition, and drops the oldest beyond that.
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>  // wants the one above first

#include <memory>
#include <string>
#include <vector>

#include "tests/support/kafka/kafka_client.h"

namespace usage_ingest::kafka::consumer {

// Kafka's numbers of requests (rdkafka_proto.h has the names, but is not public).
enum class ApiKey : std::int16_t {
  kFetch = 1,
  kListOffsets = 2,
  kMetadata = 3,
  kOffsetCommit = 8,
  kJoinGroup = 11,
  kHeartbeat = 12,
};

class MockCluster {
 public:
  explicit MockCluster(int brokers = 1)
      : owner_(support::MakeKafkaHandle(RD_KAFKA_PRODUCER, {})),
        cluster_(rd_kafka_mock_cluster_new(owner_.get(), brokers)) {
    rd_kafka_mock_group_initial_rebalance_delay_ms(cluster_.get(), 0);  // instead of 3 s
  }

  [[nodiscard]] std::string brokers() const {
    return rd_kafka_mock_cluster_bootstraps(cluster_.get());
  }
  void CreateTopic(const std::string& topic, int partitions) {
    support::CheckKafka(rd_kafka_mock_topic_create(cluster_.get(), topic.c_str(), partitions, 1),
                        "creating " + topic);
  }
  // The next requests of this kind are answered with these, one each.
  void FailNext(ApiKey api, const std::vector<rd_kafka_resp_err_t>& errors) {
    rd_kafka_mock_push_request_errors_array(cluster_.get(), static_cast<std::int16_t>(api),
                                            errors.size(), errors.data());
  }
  void SetDown(int broker) {
    support::CheckKafka(rd_kafka_mock_broker_set_down(cluster_.get(), broker), "broker down");
  }
  void SetUp(int broker) {
    support::CheckKafka(rd_kafka_mock_broker_set_up(cluster_.get(), broker), "broker up");
  }

 private:
  struct Closer {
    void operator()(rd_kafka_mock_cluster_t* cluster) const noexcept {
      rd_kafka_mock_cluster_destroy(cluster);
    }
  };
  support::KafkaHandle owner_;
  std::unique_ptr<rd_kafka_mock_cluster_t, Closer> cluster_;
};

}  // namespace usage_ingest::kafka::consumer
