#include "ingest/kafka/client/client_factory.h"

#include <array>

#include "ingest/kafka/client/kafka_error.h"

namespace usage_ingest::kafka::client {

Result<ClientHandle> MakeClient(const KafkaOptions& options, ClientRole role,
                                ClientEvents& events) {
  auto conf = MakeClientConfig(options, role);
  if (!conf) return std::unexpected(conf.error());
  events.InstallIn(conf->get(), role == ClientRole::kGroupConsumer);
  std::array<char, 512> why{};
  ClientHandle client(rd_kafka_new(RD_KAFKA_CONSUMER, conf->get(), why.data(), why.size()));
  if (client == nullptr) {
    return Fail(ErrorCode::kFatal, std::string("kafka settings: ") + why.data());
  }
  // ignored because rd_kafka_new took it
  static_cast<void>(conf->release());
  if (role != ClientRole::kProbe) {
    const auto forwarded = rd_kafka_poll_set_consumer(client.get());
    if (forwarded != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return std::unexpected(MakeKafkaError(forwarded, "forwarding the main queue"));
    }
  }
  // Null is the main queue, which rd_kafka_poll and, forwarded, rd_kafka_consumer_poll serve.
  const auto logs = rd_kafka_set_log_queue(client.get(), nullptr);
  if (logs != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return std::unexpected(MakeKafkaError(logs, "forwarding the log queue"));
  }
  return client;
}

}  // namespace usage_ingest::kafka::client
