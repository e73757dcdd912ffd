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

// Floor, so that a time before 1970 keeps its order.
std::int64_t MillisOf(EventTimeUs time) {
  const std::int64_t millis = time.value / 1000;
  return time.value % 1000 < 0 ? millis - 1 : millis;
}

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

Uuid MakeRowId(std::string_view id, EventTimeUs start, std::string_view status,
               std::string_view key_hash) {
  const std::array<char, 8> start_bytes = BigEndian(start.value);
  const std::size_t size = start_bytes.size() + status.size() + 1 + key_hash.size() + 1 + id.size();
  std::array<char, 4096> buffer;  // enough for all but very long ids
  std::string large(size <= buffer.size() ? 0 : size, '\0');
  char* const message = large.empty() ? buffer.data() : large.data();
  char* at = message;
  const auto append = [&at](std::string_view part) { at += part.copy(at, part.size()); };
  append({start_bytes.data(), start_bytes.size()});
  append(status);
  *at++ = '\0';
  append(key_hash);
  *at++ = '\0';
  append(id);
  const Sha256Digest digest = Sha256({message, size});

  Uuid row_id;
  const std::array<char, 8> millis = BigEndian(MillisOf(start));
  std::memcpy(row_id.bytes.data(), millis.data() + 2, 6);
  std::memcpy(row_id.bytes.data() + 6, digest.data(), 10);
  row_id.bytes[6] = static_cast<std::uint8_t>(0x80 | (row_id.bytes[6] & 0x0F));  // version 8
  row_id.bytes[8] = static_cast<std::uint8_t>(0x80 | (row_id.bytes[8] & 0x3F));  // variant 10
  return row_id;
}

}  // namespace usage_ingest::event
