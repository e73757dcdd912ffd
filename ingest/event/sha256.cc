#include "ingest/event/sha256.h"

#define OPENSSL_SUPPRESS_DEPRECATED  // see sha256.h
#include <openssl/sha.h>

#include "schema/check.h"

namespace usage_ingest::event {

Sha256Digest Sha256(std::string_view bytes) {
  Sha256Digest digest;
  SHA256_CTX context;
  USAGE_INGEST_CHECK(SHA256_Init(&context) == 1);
  USAGE_INGEST_CHECK(SHA256_Update(&context, bytes.data(), bytes.size()) == 1);
  USAGE_INGEST_CHECK(SHA256_Final(digest.data(), &context) == 1);
  return digest;
}

std::string Hex(const Sha256Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (const std::uint8_t byte : digest) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace usage_ingest::event
