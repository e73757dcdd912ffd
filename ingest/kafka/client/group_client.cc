#include "ingest/kafka/client/group_client.h"

#include "ingest/kafka/client/client_factory.h"
#include "ingest/kafka/client/kafka_error.h"
#include "ingest/kafka/client/partition_list.h"

namespace usage_ingest::kafka::client {
namespace {

Result<> Check(rd_kafka_resp_err_t code, std::string_view what) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
  return std::unexpected(MakeKafkaError(code, what));
}

// The request's code, or that of the first partition which failed alone.
Result<> Check(rd_kafka_resp_err_t code, const PartitionList& list, std::string_view what) {
  for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < list->cnt; ++i) {
    code = list->elems[i].err;
  }
  return Check(code, what);
}

std::string PropertyOf(const KafkaOptions& options, const std::string& name) {
  const auto found = options.properties.find(name);
  return found == options.properties.end() ? std::string() : found->second;
}

}  // namespace

Result<std::unique_ptr<GroupClient>> GroupClient::Make(const KafkaOptions& options,
                                                       pipeline::PipelineObserver* observer) {
  std::unique_ptr<GroupClient> group(new GroupClient);
  group->events_ = std::make_unique<ClientEvents>(observer, ClientEvents::Voice::kLog);
  auto client = MakeClient(options, ClientRole::kGroupConsumer, *group->events_);
  if (!client) return std::unexpected(client.error());
  group->client_ = std::move(*client);
  group->sasl_username_ = PropertyOf(options, "sasl.username");
  group->sasl_password_ = PropertyOf(options, "sasl.password");
  return group;
}

GroupClient::~GroupClient() {
  if (leaves_silently_) {
    rd_kafka_destroy_flags(client_.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
}

Result<> GroupClient::Subscribe(std::span<const std::string> topics) {
  const PartitionList list(rd_kafka_topic_partition_list_new(static_cast<int>(topics.size())));
  for (const std::string& topic : topics) {
    rd_kafka_topic_partition_list_add(list.get(), topic.c_str(), RD_KAFKA_PARTITION_UA);
  }
  return Check(rd_kafka_subscribe(handle(), list.get()), "subscribing");
}

MessageHandle GroupClient::Poll(std::chrono::milliseconds timeout) {
  return MessageHandle(rd_kafka_consumer_poll(handle(), static_cast<int>(timeout.count())));
}

Result<> GroupClient::Assign(const PartitionOffsets& partitions) {
  return Check(rd_kafka_assign(handle(), MakePartitionList(partitions).get()),
               "assigning partitions");
}

Result<> GroupClient::GiveUp() {
  return Check(rd_kafka_assign(handle(), nullptr), "giving partitions up");
}

Result<> GroupClient::Pause(std::span<const TopicPartition* const> partitions) {
  const PartitionList list = MakePartitionList(partitions);
  return Check(rd_kafka_pause_partitions(handle(), list.get()), list, "pausing");
}

Result<> GroupClient::Resume(std::span<const TopicPartition* const> partitions) {
  const PartitionList list = MakePartitionList(partitions);
  return Check(rd_kafka_resume_partitions(handle(), list.get()), list, "resuming");
}

Result<> GroupClient::CommitAsync(const PartitionOffsets& offsets) {
  return Check(rd_kafka_commit(handle(), MakePartitionList(offsets).get(), /*async=*/1),
               "committing");
}

std::optional<Watermarks> GroupClient::CachedWatermarks(const TopicPartition& source) const {
  std::int64_t low = RD_KAFKA_OFFSET_INVALID;
  std::int64_t high = RD_KAFKA_OFFSET_INVALID;
  const auto code = rd_kafka_get_watermark_offsets(client_.get(), source.topic.c_str(),
                                                   source.partition.value, &low, &high);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR || high < 0) return std::nullopt;
  return Watermarks{.low = Offset{low}, .high = Offset{high}};
}

// The group's state machine is looked at after each request to librdkafka's main thread and else
// once a second (rd_kafka_thread_main in rdkafka.c): finding the coordinator and connecting to it
// took a look each. Asking for the subscription is such a request, and changes nothing. Measured
// with one broker: 1.05 s from the start of the client to the assignment without this, 0.56 s with
// it (bench/run).
void GroupClient::WakeGroup() {
  rd_kafka_topic_partition_list_t* subscription = nullptr;
  // ignored because only the asking matters
  static_cast<void>(rd_kafka_subscription(handle(), &subscription));
  const PartitionList freed(subscription);
}

// A fetcher of 2.0.2 that finds the prefetch queue full sleeps for up to a second
// (rd_kafka_max_block_ms in rdkafka_broker.c; fetch.queue.backoff.ms came later), during which
// lanes run dry unless the queues hold a second's worth. Measured with lanes that take 60,000
// records of 3 KB a second, 16 MiB of prefetch and 8 MiB a lane: 11,000/s without this, 53,000/s
// with it, in 45 MB. Setting the SASL credentials, to what they are, is the one public call that
// wakes broker threads and does nothing else (rd_kafka_all_brokers_wakeup in rdkafka_sasl.c).
void GroupClient::WakeFetchers() {
  // ignored because it fails only for null pointers, and a wake-up missed costs a moment
  const ErrorHandle ignored(
      rd_kafka_sasl_set_credentials(handle(), sasl_username_.c_str(), sasl_password_.c_str()));
}

void GroupClient::ReportFailure(const Result<>& result) {
  if (!result) events().Report(result.error(), result.error().context);
}

void GroupClient::Close(std::chrono::steady_clock::time_point deadline) {
  const QueueHandle queue(rd_kafka_queue_new(handle()));
  const ErrorHandle refused(rd_kafka_consumer_close_queue(handle(), queue.get()));
  if (refused == nullptr) {
    while (rd_kafka_consumer_closed(handle()) == 0 && std::chrono::steady_clock::now() < deadline) {
      constexpr int kTurnMs = 20;
      // What is still in the prefetch queue comes here too, and is freed unread. Not by
      // rd_kafka_queue_poll_callback: it asserts that there is no message (rdkafka_queue.c).
      const MessageHandle unread(rd_kafka_consume_queue(queue.get(), kTurnMs));
      if (const auto rebalance = events().TakeRebalance()) {
        // ignored because the loop ends by the deadline when it fails
        static_cast<void>(GiveUp());
      }
    }
    if (rd_kafka_consumer_closed(handle()) != 0) return;
  }
  // Fatal errors refuse to close; a coordinator that is gone takes its time. The group notices by
  // itself after session.timeout.ms.
  leaves_silently_ = true;
}

}  // namespace usage_ingest::kafka::client
