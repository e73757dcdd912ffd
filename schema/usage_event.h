#pragma once
// UsageEvent: one LiteLLM request as the columns of usage_logs see it, before attribution.
//
// What the decoder makes of a StandardLoggingPayload or a SpendLogs row; the rules from field to
// column are docs/events.md. Attribution adds whose usage it was and makes it a UsageRow.
//
// Shape         views into the batch's Arena; valid until that arena is reset. Text is valid UTF-8
//               without NUL. An empty view means NULL (or absent) in the database.
// Units         times in microseconds UTC, cost in millionths, latency in milliseconds.
#include <cstdint>
#include <optional>
#include <string_view>

#include "schema/strong.h"
#include "schema/uuid.h"

namespace usage_ingest {

struct UsageEvent {
  Uuid id;                 // deterministic row id: the same event always gets the same one
  EventTimeUs created_at;  // start of the call, cut to milliseconds
  std::string_view model_id;
  std::int32_t request_tokens = 0;
  std::int32_t response_tokens = 0;
  std::int32_t cached_tokens = 0;     // a part of request_tokens
  std::int32_t reasoning_tokens = 0;  // a part of response_tokens
  MicroCost input_cost;
  MicroCost output_cost;
  std::optional<std::int32_t> latency_ms;
  std::int16_t status_code = 200;
  std::string_view error_message;
  std::string_view litellm_request_id;  // at most 255 characters
  std::string_view metadata_json;       // one JSON object, never empty ("{}")

  // What attribution asks with. key_hash is 64 lower-case hex digits or empty: a raw credential
  // never gets here.
  std::string_view key_hash;
  std::string_view user_id;
  std::string_view team_id;
  bool is_master_key = false;

  // False: LiteLLM bills it, but the user made no request for it (docs/events.md, "What counts as a
  // request"). Its tokens and cost count.
  bool is_request = true;
  // True: each poll of the job says the same usage, so `id` does not depend on the time, and one
  // row is enough whatever its created_at.
  bool is_job = false;

  [[nodiscard]] std::int64_t total_tokens() const {
    return std::int64_t{request_tokens} + response_tokens;
  }
  [[nodiscard]] bool has_usage() const {
    return total_tokens() != 0 || input_cost.value != 0 || output_cost.value != 0;
  }
};

// Whose usage it was. A nil api_key_id or team_id is NULL in the database.
struct Attribution {
  Uuid subscription_id = {};
  Uuid api_key_id = {};
  Uuid team_id = {};
  friend bool operator==(const Attribution&, const Attribution&) = default;
};

// A row of usage_logs, and where it counts.
struct UsageRow {
  UsageEvent event;
  Attribution owner;
  bool counts_quotas = true;  // false: of `--no-quota`, which leaves used_requests and used_tokens
};

}  // namespace usage_ingest
