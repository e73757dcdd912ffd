#include "ingest/kafka/client/group_client.h"

#include "ingest/kafka/client/client_config.h"
#include "ingest/kafka/client/kafka_error.h"

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

void Destroy(ClientHandle client, bool silently) {
  if (!silently) return;
  rd_kafka_destroy_flags(client.release(), RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

}  // namespace

Result<std::unique_ptr<GroupClient>> GroupClient::Make(const KafkaOptions& options,
                                                       pipeline::TelemetrySink* telemetry) {
  std::unique_ptr<GroupClient> group(new GroupClient(options));
  group->events_ = std::make_unique<ClientEvents>(telemetry, ClientEvents::Voice::kLog);
  auto client = MakeClient(options, ClientRole::kGroupConsumer, *group->events_);
  if (!client) return std::unexpected(client.error());
  group->client_ = std::move(*client);
  return group;
}

GroupClient::~GroupClient() { Destroy(std::move(client_), leaves_silently_); }

Result<> GroupClient::Reopen(std::chrono::steady_clock::time_point deadline) {
  Close(deadline);
  auto next = MakeClient(options_, ClientRole::kGroupConsumer, *events_);
  if (!next) return std::unexpected(next.error());
  retired_.emplace_back([silently = std::exchange(leaves_silently_, false),
                         client = std::exchange(client_, std::move(*next))]() mutable {
    Destroy(std::move(client), silently);
  });
  return {};
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

// Both are queued in this order to the partition's thread, so no record comes from a place between.
// Source: rd_kafka_toppar_seek in rdkafka_partition.c forgets the place that resuming would go to.
Result<> GroupClient::ResumeAt(const TopicPartition& source, Offset offset) {
  const PartitionList list = MakePartitionList({{&source, offset}});
  constexpr int kDoNotWait = 0;
  const ErrorHandle failed(rd_kafka_seek_partitions(handle(), list.get(), kDoNotWait));
  if (failed != nullptr) return Check(rd_kafka_error_code(failed.get()), "seeking");
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

// librdkafka's main thread serves the group's state machine after each request to it, and else once
// a second (rd_kafka_thread_main in rdkafka.c): finding the coordinator and connecting to it cost a
// second each. Asking for the subscription is such a request, and changes nothing.
void GroupClient::WakeGroup() {
  rd_kafka_topic_partition_list_t* subscription = nullptr;
  // ignored because only the request matters
  static_cast<void>(rd_kafka_subscription(handle(), &subscription));
  const PartitionList freed(subscription);
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
      // Records that are still in the prefetch queue are freed unread. Not by
      // rd_kafka_queue_poll_callback: it asserts that there is no record (rdkafka_queue.c).
      const MessageHandle unread(rd_kafka_consume_queue(queue.get(), kTurnMs));
      if (const auto rebalance = events().TakeRebalance()) {
        // ignored because the loop ends by the deadline when it fails
        static_cast<void>(GiveUp());
      }
    }
    if (rd_kafka_consumer_closed(handle()) != 0) return;
  }
  // After a fatal error closing is refused, and without a coordinator it takes long. The group
  // notices by itself after session.timeout.ms.
  leaves_silently_ = true;
}

}  // namespace usage_ingest::kafka::client
