#include "ingest/kafka/consumer/consumer.h"

#include <utility>

#include "ingest/kafka/consumer/consumer_loop.h"

namespace usage_ingest::kafka::consumer {

Result<std::unique_ptr<KafkaConsumer>> KafkaConsumer::Make(client::KafkaOptions options,
                                                           Dependencies dependencies) {
  auto client = client::GroupClient::Make(options, &dependencies.telemetry);
  if (!client) return std::unexpected(client.error());
  return std::make_unique<ConsumerLoop>(std::move(options), std::move(dependencies),
                                        std::move(*client));
}

}  // namespace usage_ingest::kafka::consumer
