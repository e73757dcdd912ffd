#pragma once
// Uuid: sixteen bytes in network order, ordered as PostgreSQL orders them (memcmp).
#include <array>
#include <bit>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace usage_ingest {

struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  // By words: GCC 12 calls memcmp for std::array's operators, which was half of a lane's CPU.
  friend constexpr bool operator==(const Uuid& left, const Uuid& right) noexcept {
    return left.word(0) == right.word(0) && left.word(1) == right.word(1);
  }
  friend constexpr std::strong_ordering operator<=>(const Uuid& left, const Uuid& right) noexcept {
    if (left.word(0) != right.word(0)) return left.word(0) <=> right.word(0);
    return left.word(1) <=> right.word(1);
  }
  // Eight of the bytes as a big-endian number: 0 the first eight, 1 the last.
  [[nodiscard]] constexpr std::uint64_t word(std::size_t index) const noexcept {
    const std::uint64_t native = std::bit_cast<std::array<std::uint64_t, 2>>(bytes)[index];
    return std::endian::native == std::endian::little ? std::byteswap(native) : native;
  }
  [[nodiscard]] constexpr bool is_nil() const noexcept { return *this == Uuid{}; }
  [[nodiscard]] std::string ToString() const;
  // Accepts the canonical form of 36 characters in either case; anything else is nullopt.
  [[nodiscard]] static std::optional<Uuid> Parse(std::string_view text);
};

// The last eight bytes are random or a hash in every id of the system, so they are a hash already:
// all but the variant, two fixed bits, which must not be among the low ones that a table's mask
// keeps (RecentIds filled a quarter of its slots, and searched a hundred of them, when they were).
struct UuidHash {
  std::size_t operator()(const Uuid& id) const noexcept { return id.word(1); }
};

}  // namespace usage_ingest
