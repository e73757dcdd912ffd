#pragma once
// RequestResult: whether a request succeeded, and its HTTP status by LiteLLM's error fields.
#include <cstdint>
#include <string_view>

namespace usage_ingest::event {

enum class RequestResult : unsigned char { kSuccess, kFailure };
[[nodiscard]] constexpr std::string_view Name(RequestResult result) {
  return result == RequestResult::kSuccess ? "success" : "failure";
}

// `error_code` if it is a status; otherwise by the class, which LiteLLM writes as
// "litellm.exceptions.RateLimitError".
[[nodiscard]] std::int16_t StatusCodeOf(RequestResult result, std::int64_t error_code,
                                        std::string_view error_class);

}  // namespace usage_ingest::event
