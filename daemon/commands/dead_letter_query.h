#pragma once
// DeadLetterQuery: reads and discards rows of usage_ingest.dead_letters.
//
// A retry is not here: it goes through the pipeline (DeadLetterRetrier), so that it cannot count
// twice.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/postgres/blocking/sync_connection.h"
#include "schema/strong.h"

namespace usage_ingest::commands {

struct DeadLetterFilter {
  std::string reason;                // empty: any
  std::optional<EventTimeUs> since;  // first seen at or after
  std::vector<std::int64_t> ids;     // empty: any
  std::string key_hash;              // empty: any
  std::string model;                 // empty: any

  [[nodiscard]] bool empty() const {
    return ids.empty() && reason.empty() && !since && !is_of_a_caller();
  }
  [[nodiscard]] bool is_of_a_caller() const { return !key_hash.empty() || !model.empty(); }
};

// SQL: the model that an event asks for, NULL when it names none. A payload may be anything, also
// broken JSON and broken UTF-8, so it is searched as text: a quote within a JSON string has a
// backslash before it and cannot match.
inline constexpr std::string_view kModelOfDeadLetter =
    R"sql(coalesce(substring(encode(payload, 'escape') FROM '"model_group"\s*:\s*"([^"\\]+)"'),
                   substring(encode(payload, 'escape') FROM '"model"\s*:\s*"([^"\\]+)"')))sql";

// A condition of WHERE with its parameters.
struct DeadLetterSelected {
  std::string condition;
  std::vector<postgres::blocking::SyncParam> params;
};
// Pending ones, unless ids name others.
[[nodiscard]] DeadLetterSelected PendingDeadLetters(const DeadLetterFilter& filter);

struct DeadLetterRow {
  std::int64_t id = 0;
  std::string topic;
  std::int64_t partition = 0;
  std::int64_t record_offset = 0;
  std::int64_t event_index = 0;
  std::string reason;
  std::string detail;
  std::string key_hash;
  std::string event_id;
  std::string event_time;
  std::string state;
  std::int64_t attempts = 0;
  std::string first_seen_at;
  std::string last_attempt_at;
  std::string payload;  // only from ShowDeadLetters; bytes that are not UTF-8 are replaced
};

// A list shows at most this many; --since and --reason select others.
inline constexpr std::int64_t kListedMax = 1000;

struct DeadLetterList {
  std::vector<DeadLetterRow> rows;  // newest first, at most kListedMax
  std::int64_t matching = 0;        // of all rows, shown or not
};

// Pending ones, unless ids name others.
[[nodiscard]] DeadLetterList ListDeadLetters(postgres::blocking::SyncConnection& connection,
                                             const DeadLetterFilter& filter);
[[nodiscard]] std::vector<DeadLetterRow> ShowDeadLetters(
    postgres::blocking::SyncConnection& connection, const DeadLetterFilter& filter);
[[nodiscard]] std::vector<std::int64_t> PendingDeadLetterIds(
    postgres::blocking::SyncConnection& connection, const DeadLetterFilter& filter);
// Only pending ones; returns how many.
[[nodiscard]] std::int64_t DiscardDeadLetters(postgres::blocking::SyncConnection& connection,
                                              const DeadLetterFilter& filter);

}  // namespace usage_ingest::commands
