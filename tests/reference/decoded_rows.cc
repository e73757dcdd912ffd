#include "tests/reference/decoded_rows.h"

namespace usage_ingest {
namespace {

void Add(std::string& line, std::string_view text) {
  line += '\t';
  if (text.empty()) line += "\\N";
  for (const char c : text) {
    switch (c) {
      case '\t':
        line += "\\t";
        break;
      case '\n':
        line += "\\n";
        break;
      case '\r':
        line += "\\r";
        break;
      case '\\':
        line += "\\\\";
        break;
      default:
        line += c;
    }
  }
}

void Add(std::string& line, std::int64_t value) { Add(line, std::to_string(value)); }

}  // namespace

void CollectingSink::OnEvent(std::uint32_t index, const UsageEvent& event) {
  events.emplace_back(index, event);
  lines.push_back(ToTsv(index, event));
}

void CollectingSink::OnSkip(std::uint32_t index, SkipReason reason) {
  skips.emplace_back(index, reason);
  lines.push_back(ToTsv(index, reason));
}

void CollectingSink::OnReject(std::uint32_t index, const event::Rejection& rejection) {
  rejections.emplace_back(index, rejection);
  lines.push_back(ToTsv(index, rejection));
}

std::string ToTsv(std::uint32_t index, const UsageEvent& event) {
  std::string line = std::to_string(index);
  Add(line, "row");
  Add(line, event.id.ToString());
  Add(line, event.created_at.value);
  Add(line, event.model_id);
  Add(line, event.request_tokens);
  Add(line, event.response_tokens);
  Add(line, event.input_cost.value);
  Add(line, event.output_cost.value);
  Add(line, event.latency_ms ? std::to_string(*event.latency_ms) : "");
  Add(line, event.status_code);
  Add(line, event.error_message);
  Add(line, event.litellm_request_id);
  Add(line, event.key_hash);
  Add(line, event.user_id);
  Add(line, event.team_id);
  Add(line, event.is_master_key ? "t" : "f");
  Add(line, event.metadata_json);
  return line;
}

std::string ToTsv(std::uint32_t index, SkipReason reason) {
  std::string line = std::to_string(index);
  Add(line, "skip");
  Add(line, Name(reason));
  return line;
}

std::string ToTsv(std::uint32_t index, const event::Rejection& rejection) {
  std::string line = std::to_string(index);
  Add(line, "reject");
  Add(line, Name(rejection.reason));
  Add(line, rejection.event_time.value);
  Add(line, rejection.key_hash);
  Add(line, rejection.event_id);
  return line;
}

}  // namespace usage_ingest
