#pragma once
// Uuid: sixteen bytes in network order, ordered as PostgreSQL orders them (memcmp).
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace usage_ingest {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  friend constexpr auto operator<=>(const Uuid&, const Uuid&) = default;
  [[nodiscard]] constexpr bool is_nil() const noexcept { return *this == Uuid{}; }
  [[nodiscard]] std::string ToString() const;
  // Accepts the canonical form of 36 characters in either case; anything else is nullopt.
  [[nodiscard]] static std::optional<Uuid> Parse(std::string_view text);
};

// The last eight bytes are random or a hash in every id of the system, so they are a hash already.
struct UuidHash {
  std::size_t operator()(const Uuid& id) const noexcept {
    std::size_t low = 0;
    std::memcpy(&low, id.bytes.data() + 8, sizeof low);
    return low;
  }
};

}  // namespace usage_ingest
