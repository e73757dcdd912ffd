#pragma once
// KeyTable: from the name of a JSON key to its field, in one lookup.
//
// A perfect hash over length and four characters, whose multiplier is searched by the compiler:
// most keys of an event are not in the table, and they cost one comparison of lengths.
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#if defined(__SSE2__)  // part of x86-64
#include <emmintrin.h>
#endif

#include "ingest/event/field_keys.h"

namespace usage_ingest::event {

class KeyTable {
 public:
  struct Slot {
    std::uint8_t size = 0;  // of the name; 0: none
    std::uint8_t name = 0;  // which one
    Field field = Field::kNone;
    ObjectKind inner = ObjectKind::kTop;
  };

  template <std::size_t kCount>
  consteval explicit KeyTable(const std::array<FieldKey, kCount>& entries) {
    while (!TryFill(entries)) multiplier_ += kStep;
  }

  // nullptr: not in the table. `limit` is the end of the readable memory.
  [[nodiscard]] const Slot* Find(std::string_view key, const char* limit) const {
    // Most keys have a length that no key of the table has. Lengths above 63 are taken modulo 64.
    if (((sizes_ >> (key.size() % kSizes)) & 1) == 0) return nullptr;
    const Slot& slot = slots_[SlotOf(key)];
    if (slot.size != key.size()) return nullptr;
    return IsEqual(names_[slot.name].data(), key, limit) ? &slot : nullptr;
  }

 private:
  static constexpr std::size_t kNameBytes = 32;
  static constexpr std::size_t kNames = 32;
  static constexpr std::size_t kSizes = 64;
  // Four times the largest table: found within a few steps.
  static constexpr std::size_t kSlots = 128;
  static constexpr int kShift = 57;                           // to 7 bits
  static constexpr std::uint64_t kStep = 0x9E3779B97F4A7C16;  // even: the multiplier stays odd

  [[nodiscard]] static constexpr std::uint64_t TwoBytes(const char* at) {
    if consteval {
      const auto byte = [at](int i) -> std::uint64_t { return static_cast<unsigned char>(at[i]); };
      return byte(0) | byte(1) << 8;
    }
    std::uint16_t bytes;
    std::memcpy(&bytes, at, sizeof bytes);
    return bytes;
  }

  // REQUIRES: two characters at least.
  [[nodiscard]] constexpr std::size_t SlotOf(std::string_view key) const {
    // Three quarters in: user_api_key_user_id and user_api_key_team_id differ only about there.
    const std::size_t last = key.size() - 2;
    const std::uint64_t mixed = TwoBytes(key.data() + last * 3 / 4) |
                                TwoBytes(key.data() + last) << 16 |
                                static_cast<std::uint64_t>(key.size()) << 32;
    return (mixed * multiplier_) >> kShift;
  }

  // Without a loop, whose end is a branch that depends on the name.
  [[nodiscard]] static bool IsEqual(const char* name, std::string_view key, const char* limit) {
#if defined(__SSE2__)
    if (limit - key.data() >= static_cast<std::ptrdiff_t>(kNameBytes)) [[likely]] {
      const auto different = [&](std::size_t at) {
        const auto load = [at](const char* bytes) {
          return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + at));
        };
        return ~static_cast<std::uint32_t>(
            _mm_movemask_epi8(_mm_cmpeq_epi8(load(name), load(key.data()))));
      };
      const std::uint32_t all = (different(0) & 0xFFFF) | different(16) << 16;
      return all << (kNameBytes - key.size()) == 0;
    }
#endif
    return std::memcmp(name, key.data(), key.size()) == 0;
  }

  template <std::size_t kCount>
  consteval bool TryFill(const std::array<FieldKey, kCount>& entries) {
    static_assert(kCount <= kNames);
    slots_ = {};
    for (std::size_t i = 0; i < kCount; ++i) {
      const std::string_view name = entries[i].name;
      Slot& slot = slots_[SlotOf(name)];
      if (slot.size != 0) return false;
      slot = {static_cast<std::uint8_t>(name.size()), static_cast<std::uint8_t>(i),
              entries[i].field, entries[i].inner};
      sizes_ |= std::uint64_t{1} << name.size();
      name.copy(names_[i].data(), kNameBytes);
    }
    return true;
  }

  std::uint64_t sizes_ = 0;  // a bit each
  std::uint64_t multiplier_ = 1;
  std::array<Slot, kSlots> slots_{};
  std::array<std::array<char, kNameBytes>, kNames> names_{};
};

}  // namespace usage_ingest::event
