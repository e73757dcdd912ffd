#include "ingest/kafka/client/client_config.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>

#include "ingest/kafka/client/fetch_limits.h"
#include "ingest/kafka/client/kafka_error.h"
#include "schema/limits.h"

namespace usage_ingest::kafka::client {
namespace {

struct Property {
  const char* name;
  std::string value;
};

// Notices a silent network cut in seconds, as the connections to PostgreSQL do. librdkafka has no
// property for TCP_USER_TIMEOUT, and its keepalive waits two hours, the kernel's default (tcp(7)).
int OpenSocket(int domain, int type, int protocol, void* /*opaque*/) {
  const int fd = socket(domain, type | SOCK_CLOEXEC, protocol);
  if (fd < 0) return fd;
  const int timeout_ms = std::chrono::milliseconds(limits::kTcpUserTimeout).count();
  constexpr int kOn = 1;
  constexpr int kIdleSeconds = 2;
  constexpr int kIntervalSeconds = 2;
  constexpr int kProbes = 3;
  const auto set = [fd](int level, int option, int value) {
    // ignored because a kernel that refuses one of them only notices a cut later
    static_cast<void>(setsockopt(fd, level, option, &value, sizeof value));
  };
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, timeout_ms);
  set(SOL_SOCKET, SO_KEEPALIVE, kOn);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kIdleSeconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kIntervalSeconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, kProbes);
  return fd;
}

std::vector<Property> Defaults(ClientRole role) {
  std::vector<Property> properties = {
      {"client.id", "usage-ingestd"},
      // A request without an answer fails after this instead of 60 s, so that a broker that hangs
      // is left soon.
      {"socket.timeout.ms", "10000"},
      {"socket.connection.setup.timeout.ms", "10000"},
      {"reconnect.backoff.max.ms", "2000"},
      // The CPU computes CRC32C; a corrupt batch is noticed instead of decoded.
      {"check.crcs", "true"},
      // A fetcher that finds the prefetch queue full looks again after this. With the default of a
      // second the lanes run dry unless the queues hold a second's worth of records.
      {"fetch.queue.backoff.ms", "20"},
      // Brokers that ask for client metrics (KIP-714) get none unless the operator wants it.
      {"enable.metrics.push", "false"},
  };
  if (role != ClientRole::kGroupConsumer) return properties;
  // Added partitions, deleted and new topics are seen within this (5 min by default).
  properties.push_back({"topic.metadata.refresh.interval.ms", "10000"});
  // The broker's lower bound (group.min.session.timeout.ms): the partitions of a daemon that died
  // go to the others within 10 s.
  properties.push_back({"session.timeout.ms", "6000"});
  properties.push_back({"heartbeat.interval.ms", "1500"});
  return properties;
}

void AddFetchLimits(std::size_t prefetch_bytes, std::vector<Property>& properties) {
  const FetchLimits limits = FetchLimitsFor(prefetch_bytes);
  properties.push_back({"queued.max.messages.kbytes", std::to_string(limits.queued_kbytes)});
  properties.push_back({"queued.min.messages", std::to_string(limits.queued_records)});
  properties.push_back({"message.max.bytes", std::to_string(limits.message_bytes)});
  properties.push_back({"fetch.max.bytes", std::to_string(limits.fetch_bytes)});
  properties.push_back({"fetch.message.max.bytes", std::to_string(limits.partition_bytes)});
}

std::vector<Property> Musts(const KafkaOptions& options) {
  std::vector<Property> properties = {
      {"bootstrap.servers", options.brokers},
      {"log.queue", "true"},  // log lines come by poll, on our thread
  };
  AddFetchLimits(options.prefetch_bytes, properties);
  properties.push_back({"enable.auto.commit", "false"});
  properties.push_back({"enable.auto.offset.store", "false"});
  properties.push_back({"auto.offset.reset", "error"});
  // librdkafka reads nothing without a group. Range reader and probe never join it and never
  // commit; they use the same name because the operator's ACLs allow that one.
  properties.push_back({"group.id", options.group_id});
  // The end of what is readable is an event: control records before it are no lag.
  properties.push_back({"enable.partition.eof", "true"});
  return properties;
}

Result<> Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  std::array<char, 512> why{};
  const auto result = rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why.data(), why.size());
  if (result == RD_KAFKA_CONF_OK) return {};
  return Fail(ErrorCode::kFatal, fmt::format("kafka property {}: {}", name, why.data()));
}

}  // namespace

Result<ClientConfig> MakeClientConfig(const KafkaOptions& options, ClientRole role) {
  ClientConfig conf(rd_kafka_conf_new());
  for (const Property& property : Defaults(role)) {
    if (auto set = Set(conf.get(), property.name, property.value); !set) {
      return std::unexpected(set.error());
    }
  }
  for (const auto& [name, value] : options.properties) {
    // A range reader with the static name of the running daemon would remove it from the group.
    if (role != ClientRole::kGroupConsumer && name == "group.instance.id") continue;
    if (auto set = Set(conf.get(), name, value); !set) return std::unexpected(set.error());
  }
  for (const Property& property : Musts(options)) {
    if (auto set = Set(conf.get(), property.name, property.value); !set) {
      return std::unexpected(set.error());
    }
  }
  rd_kafka_conf_set_socket_cb(conf.get(), OpenSocket);
  return conf;
}

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
