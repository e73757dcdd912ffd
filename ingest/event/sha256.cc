#include "ingest/event/sha256.h"

#include <openssl/evp.h>

#include <new>

#include "schema/check.h"

namespace usage_ingest::ingest {

struct Sha256::Context {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    void operator()(EVP_MD* algorithm) const { EVP_MD_free(algorithm); }
  };
  std::unique_ptr<EVP_MD, Free> algorithm{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  std::unique_ptr<EVP_MD_CTX, Free> evp{EVP_MD_CTX_new()};
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  if (!context_->algorithm || !context_->evp) throw std::bad_alloc();
  USAGE_INGEST_CHECK(EVP_DigestInit_ex2(context_->evp.get(), context_->algorithm.get(), nullptr) ==
                     1);
}

Sha256::~Sha256() = default;

Sha256& Sha256::Add(std::string_view bytes) {
  USAGE_INGEST_CHECK(EVP_DigestUpdate(context_->evp.get(), bytes.data(), bytes.size()) == 1);
  return *this;
}

Sha256::Digest Sha256::Finish() {
  Digest digest;
  USAGE_INGEST_CHECK(EVP_DigestFinal_ex(context_->evp.get(), digest.data(), nullptr) == 1);
  USAGE_INGEST_CHECK(EVP_DigestInit_ex2(context_->evp.get(), nullptr, nullptr) == 1);
  return digest;
}

std::string Hex(const Sha256::Digest& digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * digest.size());
  for (const std::uint8_t byte : digest) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace usage_ingest::ingest
