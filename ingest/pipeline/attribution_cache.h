#pragma once
// AttributionCache: whose usage (key, user, team, model) was, as PostgreSQL last said.
//
// One probe an event. The four texts are one question, so the answer is cached as a whole; the
// rules are in one SQL statement (ingest/postgres/batch/statements.h) and nowhere else. "Nobody's"
// is cached too, else a flood of made-up keys would be a flood of look-ups.
//
// Owner         one lane.
// Invariants    a stale answer can delay but not misattribute: the transaction locks the parents
// and
//               tells which are gone. Expire() makes every answer so far a miss.
// Limit         entries_max answers in two generations, 160 bytes each at half load; a new
// generation
//               drops the older.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "ingest/pipeline/batch_store.h"

namespace usage_ingest::pipeline {

// 128 bits of XXH3 over the question, keyed by a secret of this process, so that nobody can make
// two questions collide.
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
