#pragma once
// KeyTable: from the name of a JSON key to the field it is, in one look.
//
// A perfect hash over length and three characters, whose multiplier is searched by the compiler:
// most keys of an event are none of ours, and they cost one comparison of lengths.
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "ingest/event/event_fields.h"

namespace usage_ingest::ingest {

struct KeyTableEntry {
  std::string_view name;
  Field field = Field::kNone;
  // What the members of the value are, when they are fields too; else kTop.
  ObjectKind inner = ObjectKind::kTop;
};

class KeyTable {
 public:
  using Entry = KeyTableEntry;

  template <std::size_t kSize>
  consteval explicit KeyTable(const std::array<Entry, kSize>& entries) {
    while (!TryFill(entries)) multiplier_ += kStep;
  }

  // nullptr: none of ours.
  [[nodiscard]] const Entry* Find(std::string_view key) const {
    if (key.empty()) return nullptr;
    const Entry& slot = slots_[Slot(key)];
    return slot.name.size() == key.size() && IsEqual(slot.name.data(), key) ? &slot : nullptr;
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

  // As memcmp, without the call: names are short.
  [[nodiscard]] static bool IsEqual(const char* name, std::string_view key) {
    const auto load = [](const char* at) {
      std::uint64_t word;
      std::memcpy(&word, at, sizeof word);
      return word;
    };
    constexpr std::size_t kWord = sizeof(std::uint64_t);
    if (key.size() < kWord) return std::string_view(name, key.size()) == key;
    std::size_t i = 0;
    for (; i + kWord <= key.size(); i += kWord) {
      if (load(name + i) != load(key.data() + i)) return false;
    }
    const std::size_t last = key.size() - kWord;
    return load(name + last) == load(key.data() + last);
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
