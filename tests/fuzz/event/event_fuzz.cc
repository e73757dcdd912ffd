// Any bytes as the value of a Kafka record: no crash, every element has exactly one outcome, what
// becomes a row can be stored by PostgreSQL, and the same bytes always say the same.
//
// The first byte chooses between a record of Kafka and a line of an imported file.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/event/dead_letter_payload.h"
#include "ingest/event/decoder.h"
#include "ingest/json/json_index.h"
#include "ingest/json/json_text.h"
#include "ingest/json/json_walker.h"
#include "schema/check.h"
#include "schema/limits.h"

namespace usage_ingest {
namespace {

constexpr std::size_t kRedactedBytes = 64;
constexpr std::int64_t kNowUs = 1'795'400'000'000'000;

void CheckText(std::string_view text) {
  USAGE_INGEST_CHECK(text.find('\0') == std::string_view::npos);
  USAGE_INGEST_CHECK(json::ReplaceBadUtf8(text) == text);
}

bool IsContainer(std::string_view text) {
  json::JsonIndex index;
  if (index.Build(text) != json::JsonIndex::Status::kOk) return false;
  const json::JsonWalker json(index);
  return json.Container() != json::JsonWalker::kBroken && json.Skip(json.Container()) == json.end();
}

void CheckMetadata(std::string_view metadata) {
  CheckText(metadata);
  USAGE_INGEST_CHECK(metadata.starts_with('{') && IsContainer(metadata));
  USAGE_INGEST_CHECK(metadata.find("\\u0000") == std::string_view::npos ||
                     metadata.find("\\\\u0000") != std::string_view::npos);
}

void CheckKeyHash(std::string_view hash) {
  USAGE_INGEST_CHECK(hash.empty() || hash.size() == 64);
  USAGE_INGEST_CHECK(hash.find_first_not_of("0123456789abcdef") == std::string_view::npos);
}

class CheckingSink final : public event::EventSink {
 public:
  void OnEvent(std::uint32_t index, const UsageEvent& event) override {
    Next(index);
    for (const std::string_view text : {event.model_id, event.error_message, event.user_id,
                                        event.team_id, event.litellm_request_id}) {
      CheckText(text);
    }
    CheckMetadata(event.metadata_json);
    CheckKeyHash(event.key_hash);
    USAGE_INGEST_CHECK(!event.id.is_nil() && event.id.bytes[6] >> 4 == 8);
    USAGE_INGEST_CHECK(event.request_tokens >= 0 && event.response_tokens >= 0);
    USAGE_INGEST_CHECK(event.total_tokens() <= 2'147'483'647);
    const std::int64_t cost = event.input_cost.value + event.output_cost.value;
    USAGE_INGEST_CHECK(event.input_cost.value >= 0 && event.output_cost.value >= 0);
    USAGE_INGEST_CHECK(cost < limits::kCostMicrosEnd);
    USAGE_INGEST_CHECK(!event.latency_ms || *event.latency_ms >= 0);
    USAGE_INGEST_CHECK(event.status_code >= 100 && event.status_code <= 599);
    USAGE_INGEST_CHECK(json::CutCharacters(event.litellm_request_id, limits::kVarcharChars) ==
                       event.litellm_request_id);
    USAGE_INGEST_CHECK(json::CutCharacters(event.error_message, limits::kErrorMessageChars) ==
                       event.error_message);
    ids.push_back(event.id);
  }
  void OnSkip(std::uint32_t index, SkipReason) override { Next(index); }
  void OnReject(std::uint32_t index, const event::Rejection& rejection) override {
    Next(index);
    CheckText(rejection.event_id);
    CheckText(rejection.detail);
    CheckKeyHash(rejection.key_hash);
    USAGE_INGEST_CHECK(rejection.event_time.value >= 0);
    rejected.emplace_back(index, rejection.reason);
  }

  std::vector<Uuid> ids;
  std::vector<std::pair<std::uint32_t, DeadLetterReason>> rejected;
  std::uint32_t elements = 0;

 private:
  void Next(std::uint32_t index) { USAGE_INGEST_CHECK(index == elements++); }
};

// What is JSON stays JSON, whatever is taken out of it; and one element, unless it is an array,
// which is no element but is a record.
void CheckRetry(std::string_view payload) {
  if (payload.empty()) return;  // it held too many raw keys
  event::Decoder decoder({event::AllMetadataKeys()});
  Arena arena;
  CheckingSink sink;
  const TopicPartition source{"t", {0}};
  decoder.Decode({.source = &source, .offset = {0}, .now = {kNowUs}}, payload, arena, sink);
  USAGE_INGEST_CHECK(sink.elements == 1 || payload.starts_with('['));
  USAGE_INGEST_CHECK(sink.rejected.empty() ||
                     sink.rejected[0].second != DeadLetterReason::kInvalidJson);
}

void Run(const event::RecordOrigin& origin, std::string_view value) {
  // Kept from input to input, as a lane does: leftovers would make the answers differ.
  static event::Decoder used({event::AllMetadataKeys(), 64 * 1024});
  event::Decoder fresh({event::AllMetadataKeys(), 64 * 1024});
  Arena arena;
  CheckingSink first;
  used.Decode(origin, value, arena, first);
  CheckingSink second;
  fresh.Decode(origin, value, arena, second);
  USAGE_INGEST_CHECK(first.ids == second.ids && first.rejected == second.rejected);
  for (const auto& [index, reason] : first.rejected) {
    const std::string payload = used.DeadLetterPayload(value, index);
    // A bad byte becomes three.
    USAGE_INGEST_CHECK(payload.size() <= 3 * value.size() + kRedactedBytes);
    USAGE_INGEST_CHECK(payload == fresh.DeadLetterPayload(value, index));
    if (reason == DeadLetterReason::kRecordTooLarge) continue;
    if (reason == DeadLetterReason::kInvalidJson) continue;  // and may be made JSON by that
    USAGE_INGEST_CHECK(event::PayloadOfElement(payload) == payload);
    CheckRetry(payload);
  }
}

}  // namespace
}  // namespace usage_ingest

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace usage_ingest;
  if (size == 0) return 0;
  // A copy of its own, so that a read behind the end is a read behind the allocation.
  const std::vector<char> value(data + 1, data + size);
  const TopicPartition source{"t", {0}};
  const event::RecordOrigin origin{
      .source = &source, .offset = {7}, .now = {kNowUs}, .is_import = data[0] % 2 != 0};
  Run(origin, {value.data(), value.size()});
  return 0;
}
