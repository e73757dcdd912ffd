#pragma once
// MessageRecord: from librdkafka's message to the pipeline's Record, without a copy.
#include "ingest/kafka/handles.h"
#include "ingest/pipeline/record.h"

namespace usage_ingest::ingest {

// Milliseconds since the epoch; 0 when the record has none (message format 0).
[[nodiscard]] std::int64_t TimestampOf(const rd_kafka_message_t& message);
[[nodiscard]] RecordFingerprint FingerprintOf(const rd_kafka_message_t& message);

// The record owns the message from now on, and with it the fetch buffer that its value lies in.
[[nodiscard]] Record MakeRecord(MessageHandle message, const TopicPartition* source, Epoch epoch);

}  // namespace usage_ingest::ingest
