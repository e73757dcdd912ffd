#pragma once
// StartPlan: where reading a partition begins, given what PostgreSQL and Kafka say.
//
// PostgreSQL's next_offset is the truth about what is stored; the log may have been cut from below
// (retention), recreated or truncated meanwhile. There is no topic id in librdkafka 2.0.2, so a
// recreated topic is told by reading one record early and comparing it with what the offsets row
// keeps of it, or by a log that ends before next_offset.
//
// Thread-safety pure functions.
// Source        design: "librdkafka 2.0.2: what to avoid"; rdkafka.h, rd_kafka_assign().
#include <cstdint>
#include <optional>

#include "ingest/kafka/client/watermarks.h"
#include "schema/kafka_position.h"

namespace usage_ingest::kafka::consumer {

enum class StartReason : unsigned char {
  kContinue,   // at next_offset, perhaps one early to compare
  kRetention,  // [next_offset, low) is gone
  kNewLog,     // the log is another one than was read before, or was cut from above
};

struct StartPlan {
  StartReason reason = StartReason::kContinue;
  Offset assign_at;
  Offset deliver_from;                             // what lies below is compared, not delivered
  std::optional<RecordFingerprint> expect_before;  // of record deliver_from - 1, when that is read
  std::int64_t gap_records = 0;  // known to be gone: [next_offset, low), or [0, low) of a new log
};

// `is_new_log`: the record before next_offset was read already, and is another one.
[[nodiscard]] StartPlan PlanStart(const StoredOffset& stored, client::Watermarks log,
                                  bool is_new_log);

}  // namespace usage_ingest::kafka::consumer
