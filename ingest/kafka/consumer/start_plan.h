#pragma once
// StartPlan: where reading a partition begins, given what PostgreSQL and Kafka answered.
//
// PostgreSQL's next_offset says what is stored. Since then retention may have cut the log from
// below, or the log may have been truncated or recreated. librdkafka tells no topic id with a
// record, so a recreated topic is recognized by reading one record early and comparing it with what
// the offsets row remembers of it, or by a log that ends before next_offset.
//
// Thread-safety pure functions.
// Source        rdkafka.h, rd_kafka_assign().
#include <cstdint>
#include <optional>

#include "ingest/kafka/client/watermarks.h"
#include "schema/kafka_position.h"

namespace usage_ingest::kafka::consumer {

enum class StartReason : unsigned char {
  kContinue,   // at next_offset, perhaps one early to compare
  kRetention,  // [next_offset, low) is gone
  kNewLog,     // the log is a different one, or was truncated
};

struct StartPlan {
  StartReason reason = StartReason::kContinue;
  Offset assign_at;
  Offset deliver_from;                             // a record below is compared, not delivered
  std::optional<RecordFingerprint> expect_before;  // of record deliver_from - 1, when that is read
  std::int64_t gap_records = 0;  // known to be gone: [next_offset, low), or [0, low) of a new log
};

// `is_new_log`: the record before next_offset was read, and differs.
[[nodiscard]] StartPlan PlanStart(const StoredOffset& stored, client::Watermarks log,
                                  bool is_new_log);

}  // namespace usage_ingest::kafka::consumer
