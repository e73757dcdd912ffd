#pragma once
// Sha256: OpenSSL's, with one context that is used again and again.
//
// Thread-safety none.
// Source        EVP_MD_fetch(3), "Performance": fetch the algorithm once instead of at every use.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace usage_ingest::ingest {

class Sha256 {
 public:
  using Digest = std::array<std::uint8_t, 32>;

  Sha256();
  ~Sha256();
  Sha256& Add(std::string_view bytes);
  // The digest of what was added; begins anew.
  [[nodiscard]] Digest Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

[[nodiscard]] std::string Hex(const Sha256::Digest& digest);

}  // namespace usage_ingest::ingest
