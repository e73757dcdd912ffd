#include "ingest/pipeline/attribution_cache.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>
#include <string>
#include <utility>

namespace usage_ingest::pipeline {
namespace {

constexpr std::size_t kInitialSlots = 1 << 10;

std::uint64_t ProcessSecret() {
  static const std::uint64_t secret = [] {
    std::random_device device;
    return std::uint64_t{device()} << 32 | device();
  }();
  return secret;
}

}  // namespace

// The texts behind one another, each with its length before it, so that no two different questions
// are the same bytes. One call of the hash over a copy beats four streamed updates (XXH3's state
// alone has 576 bytes to set up).
QuestionHash HashQuestion(const AttributionQuestion& question) {
  const std::array<std::string_view, 4> texts = {question.key_hash, question.user_id,
                                                 question.team_id, question.model_id};
  std::size_t bytes = 0;
  for (std::string_view text : texts) bytes += sizeof(std::uint32_t) + text.size();
  std::array<char, 512> on_stack;
  std::string on_heap;  // rare: LiteMaaS' own ids are short
  char* begin = on_stack.data();
  if (bytes > on_stack.size()) {
    on_heap.resize(bytes);
    begin = on_heap.data();
  }
  char* end = begin;
  for (std::string_view text : texts) {
    const auto size = static_cast<std::uint32_t>(text.size());
    std::memcpy(end, &size, sizeof size);
    end = std::copy(text.begin(), text.end(), end + sizeof size);
  }
  const XXH128_hash_t hash = XXH3_128bits_withSeed(begin, bytes, ProcessSecret());
  return {hash.high64, hash.low64 | 1};  // never zero, which marks an empty slot
}

AttributionCache::AttributionCache(std::size_t entries_max)
    : entries_max_(std::max<std::size_t>(entries_max / 2, kInitialSlots / 2)) {
  young_.slots.resize(kInitialSlots);
  old_.slots.resize(kInitialSlots);
}

AttributionCache::Entry* AttributionCache::Find(Generation& generation,
                                                const QuestionHash& hash) noexcept {
  const std::size_t mask = generation.slots.size() - 1;
  std::size_t slot = hash.low & mask;
  while (generation.slots[slot].hash.low != 0 && generation.slots[slot].hash != hash) {
    slot = (slot + 1) & mask;
  }
  return &generation.slots[slot];
}

const AttributionAnswer* AttributionCache::Find(const QuestionHash& hash) {
  Entry* entry = Find(young_, hash);
  if (entry->hash.low != 0) return &entry->answer;
  entry = Find(old_, hash);
  if (entry->hash.low == 0) return nullptr;
  const AttributionAnswer answer = entry->answer;
  Insert(hash, answer);  // used again: it survives the next change of generation
  return &Find(young_, hash)->answer;
}

void AttributionCache::Insert(const QuestionHash& hash, const AttributionAnswer& answer) {
  if (young_.count >= entries_max_) {
    std::swap(young_, old_);
    young_.slots.assign(young_.slots.size(), Entry{});
    young_.count = 0;
  }
  if ((young_.count + 1) * 2 > young_.slots.size()) {
    Generation larger;
    larger.slots.resize(young_.slots.size() * 2);
    larger.count = young_.count;
    for (const Entry& entry : young_.slots) {
      if (entry.hash.low != 0) *Find(larger, entry.hash) = entry;
    }
    young_ = std::move(larger);
  }
  Entry* entry = Find(young_, hash);
  if (entry->hash.low == 0) ++young_.count;
  *entry = {hash, answer};
}

void AttributionCache::Expire() noexcept {
  for (Generation* generation : {&young_, &old_}) {
    std::fill(generation->slots.begin(), generation->slots.end(), Entry{});
    generation->count = 0;
  }
}

}  // namespace usage_ingest::pipeline
