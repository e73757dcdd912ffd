#include "ingest/kafka/consumer/consumer.h"

#include <utility>

#include "ingest/kafka/consumer/consumer_loop.h"

namespace usage_ingest::kafka::consumer {

Result<std::unique_ptr<KafkaConsumer>> KafkaConsumer::Make(client::KafkaOptions options,
                                                           Links links) {
  auto client = client::GroupClient::Make(options, &links.observer);
  if (!client) return std::unexpected(client.error());
  auto impl = std::make_unique<Impl>(std::move(options), std::move(links), std::move(*client));
  return std::unique_ptr<KafkaConsumer>(new KafkaConsumer(std::move(impl)));
}

KafkaConsumer::KafkaConsumer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
KafkaConsumer::~KafkaConsumer() = default;

Result<> KafkaConsumer::Run(const std::stop_token& stop) noexcept { return impl_->Run(stop); }

const std::atomic<std::uint64_t>& KafkaConsumer::current_epoch() const noexcept {
  return impl_->current_epoch();
}

}  // namespace usage_ingest::kafka::consumer
