#pragma once
// What LiteLLM puts where the hash of an API key belongs.
//
// It copies `metadata.user_api_key_hash` before it checks it: besides a SHA-256 it can be one of
// words that LiteLLM uses or, for a key that does not begin with "sk-", the key itself
// (tests/data/litellm/FACTS.md, section 1). Such a key must never be stored, logged or shown.
#include <cstddef>
#include <string>
#include <string_view>

namespace usage_ingest::event {

enum class CredentialKind : unsigned char { kAbsent, kHash, kMasterKey, kInternal, kRawKey };

inline constexpr std::size_t kKeyHashBytes = 64;
inline constexpr std::string_view kRedacted = "[redacted]";

[[nodiscard]] CredentialKind ClassifyCredential(std::string_view text);

// A hash in lower case, as the tables have it. REQUIRES: kKeyHashBytes of hexadecimal digits, and
// room for as many.
void WriteLowerCase(std::string_view hash, char* out);

// Health checks and jobs of LiteLLM itself carry one of these words as key hash, key alias, team id
// or team alias.
[[nodiscard]] bool IsInternalWord(std::string_view text);

// Whether `text` contains the raw key `secret`. A very short one is not a secret: it
// would be found in ordinary text.
[[nodiscard]] bool Reveals(std::string_view text, std::string_view secret);
// `text` with kRedacted for each `secret` in it. In linear time: clients choose both.
[[nodiscard]] std::string Redacted(std::string_view text, std::string_view secret);

}  // namespace usage_ingest::event
