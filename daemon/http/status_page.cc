#include "daemon/http/status_page.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <array>

#include "schema/check.h"

namespace usage_ingest::http {
namespace {

std::string Sha256Base64(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  unsigned length = 0;
  USAGE_INGEST_CHECK(
      EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr) == 1);
  std::array<unsigned char, 45> base64{};  // 4 characters for 3 bytes, and a NUL
  const int written = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(length));
  return {base64.begin(), base64.begin() + written};
}

// The text between `open` and `close`.
std::string_view Inner(std::string_view html, std::string_view open, std::string_view close) {
  const std::size_t begin = html.find(open);
  USAGE_INGEST_CHECK(begin != std::string_view::npos);
  const std::size_t end = html.find(close, begin);
  USAGE_INGEST_CHECK(end != std::string_view::npos);
  return html.substr(begin + open.size(), end - begin - open.size());
}

}  // namespace

std::string PolicyFor(std::string_view html) {
  return fmt::format(
      "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; connect-src 'self'; "
      "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
      Sha256Base64(Inner(html, "<style>", "</style>")),
      Sha256Base64(Inner(html, "<script>", "</script>")));
}

}  // namespace usage_ingest::http
