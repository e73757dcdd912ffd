#pragma once
// RecentIds: row ids that this connection has committed lately.
//
// Kafka delivers twice, clients retry: nearly all duplicates come soon after the original. Telling
// them here costs one cache miss; telling them by the database costs a failed COPY (23505) and the
// staged path. It is only a filter: what it does not know, the primary key catches.
//
// Owner         one lane.
// Invariants    INV-4: it holds only ids whose COMMIT was confirmed on the present connection.
// After
//               a reconnect the database may have gone back (fail-over), so it is forgotten.
// Limit         two generations of `ids_max` ids, 32 bytes each at most; the older is dropped
// whole.
#include <cstddef>
#include <vector>

#include "schema/uuid.h"

namespace usage_ingest::pipeline {

class RecentIds {
 public:
  explicit RecentIds(std::size_t ids_max);
  [[nodiscard]] bool Contains(const Uuid& id) const noexcept;
  void Insert(const Uuid& id);
  void Forget() noexcept;

 private:
  // Open addressing, at most half full; a nil id is an empty slot (a row id never is: version
  // bits).
  struct Generation {
    std::vector<Uuid> slots;
    std::size_t count = 0;
  };
  [[nodiscard]] bool Find(const Generation& generation, const Uuid& id) const noexcept;

  std::size_t ids_max_;
  std::size_t mask_;
  Generation young_;
  Generation old_;
};

}  // namespace usage_ingest::pipeline
