#include "ingest/event/element_identity.h"

#include <array>
#include <bit>
#include <cstring>
#include <string>

#include "ingest/event/dead_letter_payload.h"
#include "ingest/event/sha256.h"
#include "schema/check.h"

namespace usage_ingest::event {
namespace {

std::array<char, 8> BigEndian(std::int64_t value) {
  if constexpr (std::endian::native == std::endian::little) value = std::byteswap(value);
  return std::bit_cast<std::array<char, 8>>(value);
}

// spend_tracking_utils.py, get_spend_logs_id().
constexpr std::array<std::string_view, 3> kJobSuffixes = {"_batch_cost", "_video_cost",
                                                          "_background_cost"};
// litellm_logging.py, get_standard_logging_object_payload(): "_cache_hit" and the time.
constexpr std::string_view kCacheHit = "_cache_hit";

}  // namespace

std::string_view FallbackIdentity(const ElementPlace& place, Arena& arena) {
  if (place.origin.is_import) {
    return arena.Copy(Hex(Sha256(PayloadOfElement(place.bytes))));
  }
  USAGE_INGEST_CHECK(place.origin.source != nullptr);
  const TopicPartition& source = *place.origin.source;
  return arena.Copy(source.topic + '/' + std::to_string(source.partition.value) + '/' +
                    std::to_string(place.origin.offset.value) + '/' + std::to_string(place.number));
}

CallKind CallKindOf(std::string_view call_type) {
  // batch_utils.py, BATCH_RETRIEVE_CALL_TYPES; types/videos/utils.py, VIDEO_STATUS_CALL_TYPES.
  for (const std::string_view job :
       {"aretrieve_batch", "retrieve_batch", "avideo_status", "video_status"}) {
    if (call_type == job) return CallKind::kJob;
  }
  // internal_call_metadata.py, is_unbilled_non_inference_call().
  for (const std::string_view read :
       {"aget_responses", "get_responses", "acancel_responses", "cancel_responses"}) {
    if (call_type == read) return CallKind::kRetrieve;
  }
  return CallKind::kCall;
}

std::string_view WithoutSuffix(std::string_view id, CallKind kind) {
  if (kind != CallKind::kCall) {
    for (const std::string_view suffix : kJobSuffixes) {
      if (id.ends_with(suffix)) return id.substr(0, id.size() - suffix.size());
    }
  }
  const std::size_t time = id.find_last_not_of("0123456789.") + 1;
  if (time < id.size() && id.substr(0, time).ends_with(kCacheHit)) {
    return id.substr(0, time - kCacheHit.size());
  }
  return id;
}

std::int64_t MillisOf(EventTimeUs time) {
  const std::int64_t millis = time.value / 1000;
  return time.value % 1000 < 0 ? millis - 1 : millis;
}

Uuid MakeRowId(const RowIdentity& identity) {
  const std::array<char, 8> start = BigEndian(identity.start_ms);
  const std::array<char, 8> end = BigEndian(identity.end_ms);
  const std::size_t size = start.size() + end.size() + identity.kind.size() + 1 +
                           identity.user_id.size() + 1 + identity.id.size();
  std::array<char, 4096> buffer;  // enough for all but very long ids
  std::string large(size <= buffer.size() ? 0 : size, '\0');
  char* const message = large.empty() ? buffer.data() : large.data();
  char* at = message;
  const auto append = [&at](std::string_view part) { at += part.copy(at, part.size()); };
  append({start.data(), start.size()});
  append({end.data(), end.size()});
  append(identity.kind);
  *at++ = '\0';
  append(identity.user_id);
  *at++ = '\0';
  append(identity.id);
  const Sha256Digest digest = Sha256({message, size});

  Uuid row_id;
  std::memcpy(row_id.bytes.data(), start.data() + 2, 6);
  std::memcpy(row_id.bytes.data() + 6, digest.data(), 10);
  row_id.bytes[6] = static_cast<std::uint8_t>(0x80 | (row_id.bytes[6] & 0x0F));  // version 8
  row_id.bytes[8] = static_cast<std::uint8_t>(0x80 | (row_id.bytes[8] & 0x3F));  // variant 10
  return row_id;
}

}  // namespace usage_ingest::event
