#pragma once
// EventStream: delivery number -> what happened, as facts; the renderer makes JSON of them.
//
// A stream is a function, not a generator with state: At(i) gives the same facts whenever and on
// whatever thread it is asked. A duplicate delivery is simply an earlier number rendered again, so
// its bytes are the same, as when LiteLLM's producer retries.
//
// Thread-safety const; share it.
// Units         times in microseconds since the epoch, UTC. Shares are of all deliveries.
// Source        shares and shapes: tests/data/litellm/FACTS.md, the design's performance page.
#include <array>
#include <cstdint>
#include <string_view>

#include "bench/load/population.h"
#include "bench/load/random.h"
#include "bench/load/zipf.h"

namespace usage_ingest::load {

enum class EventKind : std::uint8_t {
  // Become rows.
  kChat,
  kStream,
  kStreamAborted,  // success with code 499, partial tokens
  kEmbedding,
  kCacheHit,  // tokens counted, cost 0
  kFailure,
  // Do not (only with EventStreamOptions::odd_share).
  kHealthCheck,     // skipped: internal
  kUnknownKey,      // skipped: no_usage
  kTombstone,       // skipped: tombstone
  kUnattributable,  // dead letter: unattributed
  kNotJson,         // dead letter: invalid_json
  kNegativeTokens,  // dead letter: value_out_of_range
};
inline constexpr std::size_t kEventKinds = 12;
inline constexpr std::array<std::string_view, kEventKinds> kEventKindNames = {
    "chat",      "stream",         "stream_aborted", "embedding",
    "cache_hit", "failure",        "health_check",   "unknown_key",
    "tombstone", "unattributable", "not_json",       "negative_tokens"};
[[nodiscard]] constexpr std::string_view Name(EventKind kind) {
  return kEventKindNames[static_cast<std::size_t>(kind)];
}

struct EventStreamOptions {
  std::uint64_t seed = 1;
  std::uint64_t events =
      1'000'000;  // deliveries over which `span_us` stretches; then it starts again
  std::int64_t start_us = 0;
  std::int64_t span_us = 3LL * 3600 * 1'000'000;
  double failure_share = 0.02;
  double duplicate_share = 0.01;
  double odd_share = 0;
  bool one_hot_subscription = false;
};

struct EventFacts {
  std::uint64_t number = 0;  // of the event; a duplicate delivery has that of the first
  bool is_duplicate = false;
  EventKind kind = EventKind::kChat;
  std::uint32_t subscription = 0;
  std::uint32_t key = 0;
  std::uint32_t failure = 0;  // index into kFailures
  std::int64_t start_us = 0;
  std::int64_t first_token_us = 0;
  std::int64_t end_us = 0;
  std::int32_t input_tokens = 0;
  std::int32_t output_tokens = 0;
  double input_cost = 0;
  double output_cost = 0;
  double total_cost = 0;
  Random noise{0};  // for ids and texts

  [[nodiscard]] bool is_row() const { return kind <= EventKind::kFailure; }
};

struct Failure {
  std::string_view code;
  std::string_view error_class;
  std::string_view normalized;
  std::string_view message;
};
inline constexpr std::array kFailures = {
    Failure{"429", "RateLimitError", "429_RATE_LIMIT_EXCEEDED",
            "litellm.RateLimitError: RateLimitError: OpenAIException - Rate limit reached"},
    Failure{"408", "Timeout", "408_TIMEOUT",
            "litellm.Timeout: APITimeoutError - Request timed out"},
    Failure{"500", "InternalServerError", "500_PROVIDER_INTERNAL_ERROR",
            "litellm.InternalServerError: OpenAIException - upstream exploded"},
    Failure{"content_policy_violation", "BadRequestError", "400_INVALID_REQUEST",
            "litellm.BadRequestError: OpenAIException - rejected by the safety system"},
    Failure{"", "RateLimitError", "429_RATE_LIMIT_EXCEEDED",
            "litellm.RateLimitError: no deployments available"},
};

class EventStream {
 public:
  EventStream(const Population& population, const EventStreamOptions& options);
  [[nodiscard]] EventFacts At(std::uint64_t delivery) const;

 private:
  [[nodiscard]] bool IsDuplicateSlot(std::uint64_t delivery) const;
  [[nodiscard]] EventFacts Make(std::uint64_t number) const;
  [[nodiscard]] EventKind DrawKind(Random& random, bool is_embedding) const;

  const Population& population_;
  EventStreamOptions options_;
  Zipf popularity_;
};

}  // namespace usage_ingest::load
