#include "ingest/event/credential.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace usage_ingest::event {
namespace {

constexpr std::string_view kMasterKey = "litellm_proxy_master_key";
constexpr std::array<std::string_view, 3> kInternalWords = {"litellm-internal-health-check",
                                                            "litellm_internal_jobs", "litellm-cli"};
constexpr std::size_t kSecretBytesMin = 8;

// REQUIRES: kKeyHashBytes at `text`. Without branches, which lets the compiler use vectors.
bool AreHexDigits(const char* text) {
  unsigned wrong = 0;
  for (std::size_t i = 0; i < kKeyHashBytes; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool is_digit = static_cast<unsigned char>(byte - '0') < 10;
    const bool is_letter = static_cast<unsigned char>((byte | 0x20) - 'a') < 6;
    wrong |= static_cast<unsigned>(!(is_digit | is_letter));
  }
  return wrong == 0;
}

}  // namespace

CredentialKind ClassifyCredential(std::string_view text) {
  if (text.empty()) return CredentialKind::kAbsent;
  if (text.size() == kKeyHashBytes && AreHexDigits(text.data())) return CredentialKind::kHash;
  if (text == kMasterKey) return CredentialKind::kMasterKey;
  if (IsInternalWord(text)) return CredentialKind::kInternal;
  return CredentialKind::kRawKey;
}

void WriteLowerCase(std::string_view hash, char* out) {
  // Digits have this bit set, capital letters do not.
  constexpr std::uint64_t kLower = 0x2020202020202020;
  std::array<std::uint64_t, kKeyHashBytes / sizeof(std::uint64_t)> words;
  std::memcpy(words.data(), hash.data(), kKeyHashBytes);
  for (std::uint64_t& word : words) word |= kLower;
  std::memcpy(out, words.data(), kKeyHashBytes);
}

bool IsInternalWord(std::string_view text) {
  // Called four times for each event; most texts differ in their first letter.
  return text.starts_with("litellm") &&
         std::ranges::find(kInternalWords, text) != kInternalWords.end();
}

bool Reveals(std::string_view text, std::string_view secret) {
  return secret.size() >= kSecretBytesMin && text.find(secret) != std::string_view::npos;
}

std::string Redacted(std::string_view text, std::string_view secret) {
  std::string clean;
  clean.reserve(text.size());
  for (std::size_t found; (found = text.find(secret)) != std::string_view::npos;) {
    clean.append(text.substr(0, found)).append(kRedacted);
    text.remove_prefix(found + secret.size());
  }
  return clean.append(text);
}

}  // namespace usage_ingest::event
