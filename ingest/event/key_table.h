#pragma once
// KeyTable: from the name of a JSON key to the field it is, in one look.
//
// A perfect hash over length and three characters, whose multiplier is searched by the compiler:
// most keys of an event are none of ours, and they cost one comparison of lengths.
#include <array>
#include <cstdint>
#include <string_view>

#include "ingest/event/event_fields.h"

namespace usage_ingest::ingest {

class KeyTable {
 public:
  struct Entry {
    std::string_view name;
    Field field = Field::kNone;
  };

  template <std::size_t kSize>
  consteval explicit KeyTable(const std::array<Entry, kSize>& entries) {
    while (!TryFill(entries)) multiplier_ += kStep;
  }

  [[nodiscard]] Field Find(std::string_view key) const {
    if (key.empty()) return Field::kNone;
    const Entry& slot = slots_[Slot(key)];
    return slot.name == key ? slot.field : Field::kNone;
  }

 private:
  // Four times the largest table: found within a few steps.
  static constexpr std::size_t kSlots = 128;
  static constexpr std::uint32_t kStep = 0x9E3779B2;  // even, so that the multiplier stays odd

  [[nodiscard]] constexpr std::size_t Slot(std::string_view key) const {
    const auto byte = [&](std::size_t i) {
      return static_cast<std::uint32_t>(static_cast<unsigned char>(key[i]));
    };
    // Three quarters in: user_api_key_user_id and user_api_key_team_id differ only about there.
    const std::uint32_t mixed = static_cast<std::uint32_t>(key.size()) << 24 | byte(0) << 16 |
                                byte(key.size() * 3 / 4) << 8 | byte(key.size() - 1);
    return (mixed * multiplier_) >> 25;  // 7 bits
  }

  template <std::size_t kSize>
  consteval bool TryFill(const std::array<Entry, kSize>& entries) {
    slots_ = {};
    for (const Entry& entry : entries) {
      Entry& slot = slots_[Slot(entry.name)];
      if (!slot.name.empty()) return false;
      slot = entry;
    }
    return true;
  }

  std::uint32_t multiplier_ = 1;
  std::array<Entry, kSlots> slots_{};
};

}  // namespace usage_ingest::ingest
