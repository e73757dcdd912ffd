#pragma once
// RequestMarks: which rows no request of a user made. They add tokens and cost, but no request.
//
// LiteLLM sets the marks in the metadata of an event. They are kept under the same names in
// usage_logs.metadata, so that the summaries can be calculated from the rows.
//
// Source        docs/events.md, "What counts as a request".
#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace usage_ingest {

inline constexpr std::string_view kBilledRetryAttempt = "billed_retry_attempt";
inline constexpr std::string_view kInternalCallOrigin = "internal_call_origin";
inline constexpr std::string_view kIsSilentExperiment = "is_silent_experiment";

inline constexpr std::array kNoRequestMarks = {kBilledRetryAttempt, kInternalCallOrigin,
                                               kIsSilentExperiment};

[[nodiscard]] constexpr bool IsNoRequestMark(std::string_view name) {
  return std::ranges::find(kNoRequestMarks, name) != kNoRequestMarks.end();
}

// SQL: whether a request made the row `l` of usage_logs. A row without metadata has no mark.
[[nodiscard]] inline std::string IsRequestSql() {
  std::string marks;
  for (const std::string_view mark : kNoRequestMarks) {
    marks.append(marks.empty() ? "'" : ", '").append(mark).append("'");
  }
  return "(l.metadata ?| ARRAY[" + marks + "]) IS NOT TRUE";
}

}  // namespace usage_ingest
