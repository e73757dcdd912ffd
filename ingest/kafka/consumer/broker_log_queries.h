#pragma once
// BrokerLogQueries: LogQueries answered by the broker. Blocks up to two seconds for each request.
#include "ingest/kafka/client/handles.h"
#include "ingest/kafka/client/kafka_options.h"
#include "ingest/kafka/consumer/log_queries.h"

namespace usage_ingest::kafka::consumer {

class BrokerLogQueries final : public LogQueries {
 public:
  BrokerLogQueries(rd_kafka_t* client, client::StartFrom start) : client_(client), start_(start) {}

  [[nodiscard]] Result<FirstOffsets> QueryFirstOffsets(
      std::span<const std::string> topics) override;
  [[nodiscard]] Result<std::vector<client::Watermarks>> QueryEnds(
      std::span<const TopicPartition* const> partitions) override;

 private:
  rd_kafka_t* client_;
  client::StartFrom start_;
};

}  // namespace usage_ingest::kafka::consumer
