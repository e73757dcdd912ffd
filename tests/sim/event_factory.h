#pragma once
// EventFactory: small real events, with the truth about them that the checker compares with.
//
// The values are StandardLoggingPayload objects that go through the real Decoder; besides there are
// tombstones, text that is no JSON, arrays, copies of earlier events, events of unknown keys,
// events of months without a partition and rows that the database refuses.
//
// Owner         one simulation.
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "schema/usage_event.h"
#include "tests/sim/random.h"

namespace usage_ingest::sim {

// What an element of a record is, whatever the database holds when it is read.
struct Truth {
  enum class Kind : unsigned char { kEvent, kSkip, kReject };
  Kind kind = Kind::kEvent;
  Uuid id;
  std::string litellm_id;
  std::int64_t start_ms = 0;
  std::string model;
  std::string key_hash;
  std::string team;
  std::int32_t request_tokens = 0;
  std::int32_t response_tokens = 0;
  std::int64_t cost_micros = 0;
  std::int32_t latency_ms = 0;
  bool is_failure = false;
};

struct ProducedRecord {
  std::string value;  // empty: a tombstone
  std::vector<Truth> truths;
};

// A row with this latency is one that the database refuses, as a trigger might.
inline constexpr std::int32_t kRefusedLatencyMs = 666;
inline constexpr std::size_t kUsers = 4;
inline constexpr std::size_t kTeams = 2;
[[nodiscard]] const std::vector<std::string>& Models();
[[nodiscard]] Uuid UserId(std::size_t user);
[[nodiscard]] Uuid TeamId(std::size_t team);
[[nodiscard]] std::string KeyHash(std::size_t user);  // 64 hex digits

class EventFactory {
 public:
  explicit EventFactory(Random& random) : random_(random), has_texts_(random.PerThousand(300)) {}
  ProducedRecord Make(EventTimeUs now);

 private:
  Truth MakeTruth(EventTimeUs now);

  Random& random_;
  bool has_texts_;  // of prompts, as a callback in mode `full` publishes them
  std::uint64_t made_ = 0;
  std::vector<Truth> earlier_;  // to deliver again
};

}  // namespace usage_ingest::sim
