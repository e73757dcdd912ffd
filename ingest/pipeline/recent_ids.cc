#include "ingest/pipeline/recent_ids.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace usage_ingest::pipeline {

RecentIds::RecentIds(std::size_t ids_max)
    : ids_max_(ids_max), mask_(std::bit_ceil(ids_max * 2) - 1) {
  young_.slots.resize(mask_ + 1);
  old_.slots.resize(mask_ + 1);
}

bool RecentIds::Find(const Generation& generation, const Uuid& id) const noexcept {
  for (std::size_t slot = UuidHash{}(id)&mask_; !generation.slots[slot].is_nil();
       slot = (slot + 1) & mask_) {
    if (generation.slots[slot] == id) return true;
  }
  return false;
}

bool RecentIds::Contains(const Uuid& id) const noexcept {
  return Find(young_, id) || (old_.count != 0 && Find(old_, id));
}

void RecentIds::Insert(const Uuid& id) {
  if (Find(young_, id)) return;
  if (young_.count == ids_max_) {
    std::swap(young_, old_);
    std::fill(young_.slots.begin(), young_.slots.end(), Uuid{});
    young_.count = 0;
  }
  std::size_t slot = UuidHash{}(id)&mask_;
  while (!young_.slots[slot].is_nil()) slot = (slot + 1) & mask_;
  young_.slots[slot] = id;
  ++young_.count;
}

void RecentIds::Forget() noexcept {
  for (Generation* generation : {&young_, &old_}) {
    std::fill(generation->slots.begin(), generation->slots.end(), Uuid{});
    generation->count = 0;
  }
}

}  // namespace usage_ingest::pipeline
