#include "ingest/event/status_code.h"

#include <array>
#include <utility>

namespace usage_ingest::event {
namespace {

constexpr std::int16_t kOk = 200;
constexpr std::int16_t kInternalServerError = 500;

// No name is the end of another one, so the order does not matter.
constexpr std::array<std::pair<std::string_view, std::int16_t>, 12> kClasses = {{
    {"Timeout", 408},
    {"RateLimit", 429},
    {"BudgetExceeded", 429},
    {"Authentication", 401},
    {"PermissionDenied", 403},
    {"NotFound", 404},
    {"BadRequest", 400},
    {"ContextWindowExceeded", 400},
    {"ContentPolicyViolation", 400},
    {"UnsupportedParams", 400},
    {"UnprocessableEntity", 400},
    {"ServiceUnavailable", 503},
}};

}  // namespace

std::int16_t StatusCodeOf(RequestResult result, std::int64_t error_code,
                          std::string_view error_class) {
  const std::int64_t lowest = result == RequestResult::kSuccess ? 400 : 100;
  if (error_code >= lowest && error_code <= 599) return static_cast<std::int16_t>(error_code);
  if (result == RequestResult::kSuccess) return kOk;
  error_class = error_class.substr(error_class.rfind('.') + 1);  // npos + 1 is 0
  if (error_class.ends_with("Error")) error_class.remove_suffix(5);
  for (const auto& [name, code] : kClasses) {
    if (error_class.ends_with(name)) return code;
  }
  return kInternalServerError;
}

}  // namespace usage_ingest::event
