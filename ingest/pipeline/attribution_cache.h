#pragma once
// AttributionCache: PostgreSQL's last answers to whose usage (key, user, team, model) is.
//
// One probe an event. The four texts are one question, so the answer is cached as a whole; the
// rules are in one SQL statement (ingest/postgres/batch/statements.h) and nowhere else. An answer
// without an owner is cached too, or a flood of unknown keys would be a flood of queries. It is not
// enough to skip an event, which is for good.
//
// Owner         one lane.
// Invariants    a stale answer can delay an event but not attribute it wrongly: the transaction
//               locks the parents and tells which are gone. Expire() makes all answers misses.
// Limit         entries_max answers in two generations, 160 bytes each at half load; a new
//               generation drops the older.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "ingest/pipeline/batch_store.h"

namespace usage_ingest::pipeline {

// 128 bits of XXH3 over the question, keyed by a secret of this process, so that a client cannot
// make two questions collide.
struct QuestionHash {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  friend bool operator==(const QuestionHash&, const QuestionHash&) = default;
};
[[nodiscard]] QuestionHash HashQuestion(const AttributionQuestion& question);

class AttributionCache {
 public:
  explicit AttributionCache(std::size_t entries_max);

  // nullptr: ask the database.
  [[nodiscard]] const AttributionAnswer* Find(const QuestionHash& hash);
  void Insert(const QuestionHash& hash, const AttributionAnswer& answer);
  void Expire() noexcept;

 private:
  struct Entry {
    QuestionHash hash;  // zero: empty
    AttributionAnswer answer;
  };
  struct Generation {
    std::vector<Entry> slots;
    std::size_t count = 0;
  };
  [[nodiscard]] Entry* Find(Generation& generation, const QuestionHash& hash) noexcept;

  std::size_t entries_max_;
  Generation young_;
  Generation old_;
};

}  // namespace usage_ingest::pipeline
