#pragma once
// StartPlan: where reading a partition begins, given what PostgreSQL and Kafka answered.
//
// PostgreSQL's next_offset says what is stored. Since then retention may have cut the log from
// below, or an unclean election may have truncated it, or another topic may have taken its name.
// Another topic has another id. A truncated log ends before next_offset, or differs in the record
// before it: that is read too, and compared with what the offsets row remembers of it.
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
  kTruncated,  // the end of the log was replaced, by an unclean election
  kNewLog,     // the log is of another topic of the same name
};

struct StartPlan {
  StartReason reason = StartReason::kContinue;
  Offset assign_at;
  Offset deliver_from;  // a record below is compared, not delivered
  // Of record deliver_from - 1, when that is read. It goes with a stored position that moves back.
  std::optional<RecordFingerprint> expect_before;
  std::int64_t gap_records = 0;  // known to be gone: [next_offset, low), or [0, low) of a new log
};

// The log as it is now.
struct LogNow {
  client::Watermarks ends;
  TopicId topic_id = {};  // empty: unknown
  // From here on it is not the log that was read; below it is. nullopt: no difference is known.
  std::optional<Offset> differs_from = std::nullopt;
  std::optional<RecordFingerprint> last_same = std::nullopt;  // of the record before, if known
};

// Whether the stored position is about another topic of the same name.
[[nodiscard]] bool IsOfAnotherTopic(const StoredOffset& stored, const TopicId& topic_id);

// Whether the leader epoch of the last record tells where a log that changed differs.
[[nodiscard]] bool CanSearchByEpoch(const StoredOffset& stored, const TopicId& topic_id);

[[nodiscard]] StartPlan PlanStart(const StoredOffset& stored, const LogNow& log);

}  // namespace usage_ingest::kafka::consumer
