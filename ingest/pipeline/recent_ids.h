#pragma once
// RecentIds: row ids that this connection has committed lately.
//
// Kafka delivers twice and clients retry: nearly all duplicates come soon after the original. To
// find one here costs a cache miss; to find it in the database costs a failed COPY (23505) and the
// staged path. It is only a filter: the primary key finds what this does not know.
//
// Owner         one lane.
// Invariants    INV-4: it holds only ids whose COMMIT was confirmed on the present connection.
//               After a reconnect the database may have lost transactions, so it is emptied.
// Limit         two generations of `ids_max` ids, 32 bytes each at most; the older is dropped as a
//               whole.
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
