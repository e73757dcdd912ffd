#pragma once
// OffsetQuery: what Kafka says about topics now: partitions, and offsets by place or by time.
//
// Thread-safety as librdkafka: any thread; each call blocks its caller up to `timeout`.
// Errors        kUnavailable, also when one partition of several has no leader: a part of an answer
//               is none.
// Source        rdkafka.h: rd_kafka_metadata(), rd_kafka_offsets_for_times(). The latter passes the
//               timestamp on to ListOffsets, where -2 and -1 mean the log's two ends (KIP-79); so
//               one round trip answers for all partitions, where
//               rd_kafka_query_watermark_offsets() takes two for each.
#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "ingest/kafka/client/handles.h"
#include "ingest/kafka/client/kafka_options.h"
#include "ingest/kafka/client/watermarks.h"
#include "schema/error.h"

namespace usage_ingest::kafka::client {

using Timeout = std::chrono::milliseconds;

// Numbers of partitions by topic. kBadRequest when one of the topics is not there.
[[nodiscard]] Result<std::map<std::string, std::int32_t>> QueryPartitionCounts(
    rd_kafka_t* client, std::span<const std::string> topics, Timeout timeout);

[[nodiscard]] Result<std::vector<Watermarks>> QueryWatermarks(
    rd_kafka_t* client, std::span<const TopicPartition* const> partitions, Timeout timeout);

[[nodiscard]] Result<std::vector<Offset>> QueryLogEnd(
    rd_kafka_t* client, std::span<const TopicPartition* const> partitions, LogEnd end,
    Timeout timeout);

// The first offset whose record is not older than `time_ms`; the high watermark when there is none.
[[nodiscard]] Result<std::vector<Offset>> QueryOffsetsAt(
    rd_kafka_t* client, std::span<const TopicPartition* const> partitions, std::int64_t time_ms,
    Timeout timeout);

}  // namespace usage_ingest::kafka::client
