#include "ingest/kafka/client/log_end_query.h"

#include <algorithm>
#include <array>

#include "ingest/kafka/client/partition_list.h"

namespace usage_ingest::kafka::client {
namespace {

constexpr int kTimeoutMs = 5'000;

AdminOptionsHandle MakeOptions(rd_kafka_t* client) {
  AdminOptionsHandle options(rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_LISTOFFSETS));
  std::array<char, 128> why{};
  // ignored because the time-out is within librdkafka's bounds
  static_cast<void>(
      rd_kafka_AdminOptions_set_request_timeout(options.get(), kTimeoutMs, why.data(), why.size()));
  return options;
}

}  // namespace

void LogEndQuery::Ask(std::span<const TopicPartition* const> partitions) {
  if (partitions.empty()) return;
  if (is_asking_) queue_.reset(rd_kafka_queue_new(client_));
  const PartitionList list = MakePartitionList(partitions, RD_KAFKA_OFFSET_SPEC_LATEST);
  rd_kafka_ListOffsets(client_, list.get(), MakeOptions(client_).get(), queue_.get());
  is_asking_ = true;
}

std::optional<LogEndQuery::Ends> LogEndQuery::Take(std::chrono::milliseconds wait) {
  if (!is_asking_) return std::nullopt;
  const EventHandle event(rd_kafka_queue_poll(queue_.get(), static_cast<int>(wait.count())));
  if (event == nullptr) return std::nullopt;
  is_asking_ = false;
  Ends ends;
  const rd_kafka_ListOffsets_result_t* result = rd_kafka_event_ListOffsets_result(event.get());
  if (result == nullptr || rd_kafka_event_error(event.get()) != RD_KAFKA_RESP_ERR_NO_ERROR) {
    return ends;
  }
  std::size_t count = 0;
  const auto* const* infos = rd_kafka_ListOffsets_result_infos(result, &count);
  for (const rd_kafka_ListOffsetsResultInfo_t* info : std::span(infos, count)) {
    const auto* found = rd_kafka_ListOffsetsResultInfo_topic_partition(info);
    if (found->err != RD_KAFKA_RESP_ERR_NO_ERROR || found->offset < 0) continue;
    ends.emplace_back(TopicPartition{found->topic, PartitionId{found->partition}},
                      Offset{found->offset});
  }
  return ends;
}

Result<std::vector<Offset>> QueryHighWatermarks(rd_kafka_t* client,
                                                std::span<const TopicPartition* const> partitions,
                                                std::chrono::milliseconds timeout) {
  LogEndQuery query(client);
  query.Ask(partitions);
  const LogEndQuery::Ends ends = query.Take(timeout).value_or(LogEndQuery::Ends{});
  std::vector<Offset> offsets;
  for (const TopicPartition* source : partitions) {
    const auto found = std::ranges::find(ends, *source, &LogEndQuery::Ends::value_type::first);
    if (found == ends.end()) {
      return Fail(ErrorCode::kUnavailable, "asking where " + source->topic + " ends: no answer");
    }
    offsets.push_back(found->second);
  }
  return offsets;
}

}  // namespace usage_ingest::kafka::client
