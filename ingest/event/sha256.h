#pragma once
// Sha256 of one text.
//
// The low-level functions of OpenSSL, although 3.0 calls them deprecated: EVP allocates at each use
// and takes 140 ns instead of 90, and a digest is a tenth of the time to decode an event.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace usage_ingest::event {

using Sha256Digest = std::array<std::uint8_t, 32>;

[[nodiscard]] Sha256Digest Sha256(std::string_view bytes);
[[nodiscard]] std::string Hex(const Sha256Digest& digest);

}  // namespace usage_ingest::event
