#include "ingest/kafka/client/kafka_probe.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <thread>

#include "ingest/kafka/client/client_config.h"
#include "ingest/kafka/client/client_events.h"
#include "ingest/kafka/client/kafka_error.h"
#include "ingest/kafka/client/offset_query.h"
#include "ingest/kafka/client/partition_list.h"

namespace usage_ingest::kafka::client {
namespace {

using TimePoint = std::chrono::steady_clock::time_point;

// Short, so that between two of them the client's own errors are heard.
constexpr int kAttemptMs = 500;
constexpr auto kReadTimeout = std::chrono::milliseconds(5'000);
constexpr auto kCoordinatorTimeout = std::chrono::seconds(10);
constexpr auto kCoordinatorPause = std::chrono::milliseconds(200);

bool IsWithoutCoordinator(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__WAIT_COORD ||
         code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
         code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
         code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
}

int RemainingMs(TimePoint deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, kAttemptMs));
}

class Probe {
 public:
  Probe(ClientEvents& events, rd_kafka_t* client, TimePoint deadline)
      : events_(events), client_(client), deadline_(deadline) {}

  Result<TopicFinding> Look(const std::string& name, KafkaFindings& findings) {
    const TopicHandle topic(rd_kafka_topic_new(client_, name.c_str(), nullptr));
    if (topic == nullptr) {
      const Error error = MakeKafkaError(rd_kafka_last_error(), "topic " + name);
      TopicFinding finding;
      finding.name = name;
      finding.problem = error.context;
      return finding;
    }
    for (;;) {
      const rd_kafka_metadata_t* answer = nullptr;
      const auto code = rd_kafka_metadata(client_, 0, topic.get(), &answer, RemainingMs(deadline_));
      // ignored because the number of events served says nothing
      static_cast<void>(rd_kafka_poll(client_, 0));
      if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        const MetadataHandle metadata(answer);
        findings.brokers = metadata->broker_cnt;
        return Evaluate(name, *metadata);
      }
      if (std::chrono::steady_clock::now() >= deadline_) {
        const std::string& why = events_.last_error();
        return Fail(events_.is_refused() ? ErrorCode::kFatal : ErrorCode::kUnavailable,
                    why.empty() ? MakeKafkaError(code, "no broker answered").context : why);
      }
    }
  }

  // Asks for the group's offsets, which is what its ACLs must allow at least. The first group of a
  // cluster has no coordinator for some seconds.
  void LookAtGroup(const std::string& topic, KafkaFindings& findings) {
    const TimePoint deadline = std::chrono::steady_clock::now() + kCoordinatorTimeout;
    rd_kafka_resp_err_t code = AskForOffsets(topic);
    while (IsWithoutCoordinator(code) && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(kCoordinatorPause);
      code = AskForOffsets(topic);
    }
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return;
    findings.group_problem = MakeKafkaError(code, "reading the group's offsets").context;
    findings.is_group_refused = ErrorClassOf(code) == pipeline::KafkaErrorClass::kAuthorization;
  }

  // Fetches the last record of the topic's first partition: Describe is not the right to READ.
  std::string ReadOne(const std::string& name) {
    const TopicPartition source{name, PartitionId{0}};
    const TopicPartition* const sources[] = {&source};
    const auto log = QueryWatermarks(client_, sources, kReadTimeout);
    if (!log) return log.error().context;
    const Offset last{std::max(log->front().low.value, log->front().high.value - 1)};
    auto code = rd_kafka_assign(client_, MakePartitionList({{&source, last}}).get());
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return MakeKafkaError(code, "assigning").context;
    const MessageHandle message(
        rd_kafka_consumer_poll(client_, static_cast<int>(kReadTimeout.count())));
    code = message == nullptr ? RD_KAFKA_RESP_ERR__TIMED_OUT : message->err;
    // ignored because the client ends soon
    static_cast<void>(rd_kafka_assign(client_, nullptr));
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR__PARTITION_EOF) return {};
    return MakeKafkaError(code, "reading a record").context;
  }

  void LookAtSettings(TopicFinding& finding, std::chrono::milliseconds timeout) {
    const QueueHandle queue(rd_kafka_queue_new(client_));
    rd_kafka_ConfigResource_t* resource =
        rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, finding.name.c_str());
    rd_kafka_DescribeConfigs(client_, &resource, 1, nullptr, queue.get());
    rd_kafka_ConfigResource_destroy(resource);
    const EventHandle event(rd_kafka_queue_poll(queue.get(), static_cast<int>(timeout.count())));
    const auto* result =
        event == nullptr ? nullptr : rd_kafka_event_DescribeConfigs_result(event.get());
    std::size_t count = 0;
    const auto* const* found =
        result == nullptr ? nullptr : rd_kafka_DescribeConfigs_result_resources(result, &count);
    if (count != 1) {
      finding.settings_problem = "the broker does not tell its settings";
      return;
    }
    if (rd_kafka_ConfigResource_error(found[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      finding.settings_problem = rd_kafka_ConfigResource_error_string(found[0]);
      return;
    }
    const auto* const* entries = rd_kafka_ConfigResource_configs(found[0], &count);
    for (const rd_kafka_ConfigEntry_t* entry : std::span(entries, count)) {
      const char* value = rd_kafka_ConfigEntry_value(entry);
      finding.settings[rd_kafka_ConfigEntry_name(entry)] = value == nullptr ? "" : value;
    }
  }

 private:
  rd_kafka_resp_err_t AskForOffsets(const std::string& topic) {
    const PartitionList list(rd_kafka_topic_partition_list_new(1));
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), 0);
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline_ - std::chrono::steady_clock::now());
    const auto code = rd_kafka_committed(
        client_, list.get(), static_cast<int>(std::max<std::int64_t>(left.count(), kAttemptMs)));
    return code == RD_KAFKA_RESP_ERR_NO_ERROR ? list->elems[0].err : code;
  }

  static TopicFinding Evaluate(const std::string& name, const rd_kafka_metadata_t& metadata) {
    TopicFinding finding;
    finding.name = name;
    if (metadata.topic_cnt != 1) {
      finding.problem = "the broker says nothing of it";
      return finding;
    }
    const rd_kafka_metadata_topic_t& topic = metadata.topics[0];
    finding.partitions = topic.partition_cnt;
    if (topic.partition_cnt > 0) finding.replicas = topic.partitions[0].replica_cnt;
    if (topic.err != RD_KAFKA_RESP_ERR_NO_ERROR) finding.problem = rd_kafka_err2str(topic.err);
    for (int i = 0; i < topic.partition_cnt && finding.problem.empty(); ++i) {
      if (topic.partitions[i].leader >= 0) continue;
      finding.problem = fmt::format("partition {} has no leader", topic.partitions[i].id);
    }
    return finding;
  }

  ClientEvents& events_;
  rd_kafka_t* client_;
  TimePoint deadline_;
};

}  // namespace

Result<KafkaFindings> ProbeKafka(const KafkaOptions& options, std::chrono::milliseconds timeout,
                                 ProbeDepth depth) {
  ClientEvents events(nullptr, ClientEvents::Voice::kSilent);  // what it has to say is the result
  auto client = MakeClient(options, ClientRole::kProbe, events);
  if (!client) return std::unexpected(client.error());
  Probe probe(events, client->get(), std::chrono::steady_clock::now() + timeout);
  KafkaFindings findings;
  for (const std::string& name : options.topics) {
    auto finding = probe.Look(name, findings);
    if (!finding) return std::unexpected(finding.error());
    if (finding->problem.empty()) {
      if (depth == ProbeDepth::kRead) finding->read_problem = probe.ReadOne(name);
      probe.LookAtSettings(*finding, depth == ProbeDepth::kRead ? kReadTimeout : timeout);
    }
    findings.topics.push_back(std::move(*finding));
  }
  if (depth == ProbeDepth::kSettings) return findings;
  const auto healthy = std::ranges::find(findings.topics, std::string(), &TopicFinding::problem);
  if (healthy != findings.topics.end()) probe.LookAtGroup(healthy->name, findings);
  return findings;
}

Result<Watermarks> ProbeWatermarks(const KafkaOptions& options, const TopicPartition& source,
                                   std::chrono::milliseconds timeout) {
  ClientEvents events(nullptr, ClientEvents::Voice::kSilent);
  auto client = MakeClient(options, ClientRole::kProbe, events);
  if (!client) return std::unexpected(client.error());
  const TopicPartition* const sources[] = {&source};
  const auto found = QueryWatermarks(client->get(), sources, timeout);
  if (!found) return std::unexpected(found.error());
  return found->front();
}

Result<> CheckKafkaProperties(const KafkaOptions& options) {
  const auto config = MakeClientConfig(options, ClientRole::kGroupConsumer);
  if (!config) return std::unexpected(config.error());
  return {};
}

Result<> CheckKafkaClient(KafkaOptions options) {
  options.brokers.clear();
  ClientEvents events(nullptr, ClientEvents::Voice::kSilent);
  const auto client = MakeClient(options, ClientRole::kGroupConsumer, events);
  if (!client) return std::unexpected(client.error());
  return {};
}

}  // namespace usage_ingest::kafka::client
