#pragma once
// The HTTP status of a request, from what LiteLLM says of its error.
#include <cstdint>
#include <string_view>

namespace usage_ingest::event {

enum class RequestResult : unsigned char { kSuccess, kFailure };
[[nodiscard]] constexpr std::string_view Name(RequestResult result) {
  return result == RequestResult::kSuccess ? "success" : "failure";
}

// `error_code` when it is a status, whatever it was written as; the class as LiteLLM names it
// ("litellm.exceptions.RateLimitError").
[[nodiscard]] std::int16_t StatusCodeOf(RequestResult result, std::int64_t error_code,
                                        std::string_view error_class);

}  // namespace usage_ingest::event
