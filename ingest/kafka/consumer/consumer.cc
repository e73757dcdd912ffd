#include "ingest/kafka/consumer/consumer.h"

#include <utility>

#include "ingest/kafka/consumer/consumer_loop.h"

namespace usage_ingest::kafka::consumer {

Result<std::unique_ptr<KafkaConsumer>> KafkaConsumer::Make(client::KafkaOptions options,
                                                           Dependencies dependencies) {
  auto client = client::GroupClient::Make(options, &dependencies.telemetry);
  if (!client) return std::unexpected(client.error());
  auto loop = std::make_unique<ConsumerLoop>(std::move(options), std::move(dependencies),
                                             std::move(*client));
  return std::unique_ptr<KafkaConsumer>(new KafkaConsumer(std::move(loop)));
}

KafkaConsumer::KafkaConsumer(std::unique_ptr<ConsumerLoop> loop) : loop_(std::move(loop)) {}
KafkaConsumer::~KafkaConsumer() = default;

Result<> KafkaConsumer::Run(const std::stop_token& stop) noexcept { return loop_->Run(stop); }

const std::atomic<std::uint64_t>& KafkaConsumer::current_epoch() const noexcept {
  return loop_->current_epoch();
}

}  // namespace usage_ingest::kafka::consumer
