#pragma once
// GroupIndex: finds the group of a key in one probe, while groups stay in a dense vector.
//
// An open-addressing index over the vector: adding a row touches one slot and one group, and the
// vector can be sorted. std::unordered_map cost three times that in allocation alone.
//
// Owner         a roll-up; single-threaded.
// Shape         a Group has a member `key`, and is made from a key alone. A key is compared with ==
//               and has Hash().
// Limit         2^31 groups.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace usage_ingest::aggregate {

// The end of a key's Hash(): spreads `word` over all bits, since the index uses the low ones.
[[nodiscard]] constexpr std::size_t MixHash(std::uint64_t word) noexcept {
  word *= 0x9E3779B97F4A7C15u;
  return static_cast<std::size_t>(word ^ (word >> 32));
}

template <class Group>
class GroupIndex {
 public:
  // Valid until the next call.
  template <class Key>
  [[nodiscard]] Group& Find(const Key& key) {
    if ((groups_.size() + 1) * 2 > slots_.size()) Grow();
    const std::size_t mask = slots_.size() - 1;
    std::size_t slot = key.Hash() & mask;
    while (slots_[slot] != 0) {
      Group& group = groups_[slots_[slot] - 1];
      if (group.key == key) return group;
      slot = (slot + 1) & mask;
    }
    groups_.push_back(Group(key));
    slots_[slot] = static_cast<std::uint32_t>(groups_.size());
    return groups_.back();
  }

  // May be sorted; then only Clear() may follow.
  [[nodiscard]] std::vector<Group>& groups() noexcept { return groups_; }

  void Clear() noexcept {
    groups_.clear();
    std::fill(slots_.begin(), slots_.end(), 0);
  }

 private:
  static constexpr std::size_t kInitialSlots = 1 << 14;

  void Grow() {
    std::vector<std::uint32_t> larger(slots_.size() * 2, 0);
    const std::size_t mask = larger.size() - 1;
    for (std::size_t i = 0; i < groups_.size(); ++i) {
      std::size_t slot = groups_[i].key.Hash() & mask;
      while (larger[slot] != 0) slot = (slot + 1) & mask;
      larger[slot] = static_cast<std::uint32_t>(i + 1);
    }
    slots_ = std::move(larger);
  }

  std::vector<Group> groups_;
  std::vector<std::uint32_t> slots_ = std::vector<std::uint32_t>(kInitialSlots, 0);  // index + 1
};

}  // namespace usage_ingest::aggregate
