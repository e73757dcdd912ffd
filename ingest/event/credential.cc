#include "ingest/event/credential.h"

#include <algorithm>
#include <array>

namespace usage_ingest::ingest {
namespace {

constexpr std::string_view kMasterKey = "litellm_proxy_master_key";
constexpr std::array<std::string_view, 3> kInternalWords = {"litellm-internal-health-check",
                                                            "litellm_internal_jobs", "litellm-cli"};
constexpr std::size_t kSecretBytesMin = 8;

constexpr bool IsHexDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

}  // namespace

CredentialKind ClassifyCredential(std::string_view text) {
  if (text.empty()) return CredentialKind::kAbsent;
  if (text.size() == kKeyHashBytes && std::ranges::all_of(text, IsHexDigit)) {
    return CredentialKind::kHash;
  }
  if (text == kMasterKey) return CredentialKind::kMasterKey;
  if (IsInternalWord(text)) return CredentialKind::kInternal;
  return CredentialKind::kRawKey;
}

bool IsInternalWord(std::string_view text) {
  // Every event asks four times: most texts are told apart by their first letter.
  return text.starts_with("litellm") &&
         std::ranges::find(kInternalWords, text) != kInternalWords.end();
}

bool Reveals(std::string_view text, std::string_view secret) {
  return secret.size() >= kSecretBytesMin && text.find(secret) != std::string_view::npos;
}

}  // namespace usage_ingest::ingest
