#pragma once
// EpochEnds: where in a log the records of one leader end.
//
// After an unclean election the log is as far the one that was read as it has records of the same
// leader epoch. Kafka's own request for that (OffsetForLeaderEpoch, KIP-101) is not in librdkafka's
// interface, so single records are read, and their epochs, which never decrease, are searched.
//
// Owner         one thread; blocks until `timeout`. Makes a client of its own, outside any group.
// Errors        kUnavailable: the brokers did not answer in time.
#include <chrono>
#include <optional>
#include <span>
#include <vector>

#include "ingest/kafka/client/kafka_options.h"
#include "ingest/kafka/client/watermarks.h"
#include "schema/error.h"

namespace usage_ingest::kafka::client {

struct EpochSearch {
  const TopicPartition* source = nullptr;
  std::int32_t epoch = kUnknownLeaderEpoch;
  Watermarks within;
};

struct EpochEnd {
  Offset offset;  // behind the last record of the epoch; the beginning of `within` without one
  std::optional<RecordFingerprint> last_record = std::nullopt;
};

// The end of each search's epoch.
[[nodiscard]] Result<std::vector<EpochEnd>> FindEpochEnds(const KafkaOptions& options,
                                                          std::span<const EpochSearch> searches,
                                                          std::chrono::milliseconds timeout);

}  // namespace usage_ingest::kafka::client
