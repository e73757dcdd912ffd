// MakeRowId: docs/events.md has the layout; tests/golden/row_id_test.cc freezes it.
//
// SHA-256 rather than a faster hash: a client chooses the id of a call that fails, so nobody must
// be able to make two requests that count as one; and PostgreSQL, Python and every other tool have
// it, so a row's id can be checked by hand. It costs 0.1 us.
#include <cstring>

#include "ingest/event/decoder.h"
#include "ingest/event/sha256.h"

namespace usage_ingest::ingest {
namespace {

std::array<char, 8> BigEndian(std::int64_t value) {
  std::array<char, 8> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(static_cast<std::uint64_t>(value) >> (56 - 8 * i));
  }
  return bytes;
}

// Floor, so that a time before 1970 keeps its order.
std::int64_t MillisOf(EventTimeUs time) {
  const std::int64_t millis = time.value / 1000;
  return time.value % 1000 < 0 ? millis - 1 : millis;
}

}  // namespace

Uuid MakeRowId(std::string_view id, EventTimeUs start, std::string_view status,
               std::string_view key_hash) {
  constexpr std::size_t kKeepBytes = 4096;
  thread_local std::string message;  // kept for its memory
  if (message.capacity() > kKeepBytes) message = std::string();
  const std::array<char, 8> start_bytes = BigEndian(start.value);
  message.assign(start_bytes.data(), start_bytes.size());
  message.append(status).push_back('\0');
  message.append(key_hash).push_back('\0');
  message.append(id);
  const Sha256Digest digest = Sha256(message);

  Uuid row_id;
  const std::array<char, 8> millis = BigEndian(MillisOf(start));
  std::memcpy(row_id.bytes.data(), millis.data() + 2, 6);
  std::memcpy(row_id.bytes.data() + 6, digest.data(), 10);
  row_id.bytes[6] = static_cast<std::uint8_t>(0x80 | (row_id.bytes[6] & 0x0F));  // version 8
  row_id.bytes[8] = static_cast<std::uint8_t>(0x80 | (row_id.bytes[8] & 0x3F));  // variant 10
  return row_id;
}

}  // namespace usage_ingest::ingest
