#include "ingest/kafka/client/message_record.h"

#include <algorithm>

namespace usage_ingest::kafka::client {

pipeline::Record MakeRecord(MessageHandle message, const TopicPartition* source,
                            pipeline::Epoch epoch) {
  rd_kafka_timestamp_type_t type{};
  pipeline::Record record;
  record.source = source;
  record.epoch = epoch;
  record.offset = Offset{message->offset};
  record.timestamp_ms = std::max<std::int64_t>(0, rd_kafka_message_timestamp(message.get(), &type));
  record.leader_epoch = rd_kafka_message_leader_epoch(message.get());
  record.value = {static_cast<const char*>(message->payload), message->len};
  record.Own(message.release(), [](void* handle) noexcept {
    rd_kafka_message_destroy(static_cast<rd_kafka_message_t*>(handle));
  });
  return record;
}

}  // namespace usage_ingest::kafka::client
