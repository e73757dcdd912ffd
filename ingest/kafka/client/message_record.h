#pragma once
// MessageRecord: from librdkafka's message to the pipeline's Record, without a copy.
#include "ingest/kafka/client/handles.h"
#include "ingest/pipeline/record.h"

namespace usage_ingest::kafka::client {

// The record owns the message from now on, and with it the fetch buffer that its value lies in. Its
// timestamp is 0 when Kafka has none (message format 0).
[[nodiscard]] pipeline::Record MakeRecord(MessageHandle message, const TopicPartition* source,
                                          pipeline::Epoch epoch);

}  // namespace usage_ingest::kafka::client
