#pragma once
// BrokerLogQueries: LogQueries answered by the broker. Blocks up to two seconds for each request.
#include <memory>

#include "ingest/kafka/client/group_client.h"
#include "ingest/kafka/client/kafka_options.h"
#include "ingest/kafka/consumer/log_queries.h"

namespace usage_ingest::kafka::consumer {

class BrokerLogQueries final : public LogQueries {
 public:
  BrokerLogQueries(client::GroupClient& client, const client::KafkaOptions& options)
      : client_(client), options_(options) {}

  [[nodiscard]] Result<client::TopicIds> QueryTopicIds(
      std::span<const std::string> topics) override;
  [[nodiscard]] Result<FirstOffsets> QueryFirstOffsets(
      std::span<const std::string> topics) override;
  [[nodiscard]] Result<std::vector<client::Watermarks>> QueryEnds(
      std::span<const TopicPartition* const> partitions) override;
  [[nodiscard]] Result<std::vector<client::EpochEnd>> FindEpochEnds(
      std::span<const client::EpochSearch> searches) override;
  void RequestTopicIds(std::span<const std::string> topics) override;
  [[nodiscard]] std::optional<Result<client::TopicIds>> TakeTopicIds() override;
  void CancelTopicIds() override { request_.reset(); }

 private:
  client::GroupClient& client_;
  const client::KafkaOptions& options_;
  std::unique_ptr<client::TopicIdRequest> request_;
};

}  // namespace usage_ingest::kafka::consumer
