#include "ingest/kafka/message_record.h"

#include <xxhash.h>

#include <algorithm>

namespace usage_ingest::ingest {

std::int64_t TimestampOf(const rd_kafka_message_t& message) {
  rd_kafka_timestamp_type_t type{};
  return std::max<std::int64_t>(0, rd_kafka_message_timestamp(&message, &type));
}

RecordFingerprint FingerprintOf(const rd_kafka_message_t& message) {
  return {.timestamp_ms = TimestampOf(message),
          .value_hash = static_cast<std::int64_t>(XXH3_64bits(message.payload, message.len))};
}

Record MakeRecord(MessageHandle message, const TopicPartition* source, Epoch epoch) {
  Record record;
  record.source = source;
  record.epoch = epoch;
  record.offset = Offset{message->offset};
  record.timestamp_ms = TimestampOf(*message);
  record.value = {static_cast<const char*>(message->payload), message->len};
  record.is_tombstone = message->payload == nullptr;
  record.Own(message.release(), [](void* handle) noexcept {
    rd_kafka_message_destroy(static_cast<rd_kafka_message_t*>(handle));
  });
  return record;
}

}  // namespace usage_ingest::ingest
