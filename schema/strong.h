#pragma once
// Strong: an integer that cannot be mistaken for another integer.
//
// An offset, a partition number and a time are all 64-bit integers to the compiler; mixing them up
// is how a consumer commits a timestamp as an offset. Each gets its own type; arithmetic is
// explicit through `value`.
//
// Shape         trivially copyable, same size as Rep.
#include <compare>
#include <cstdint>

namespace usage_ingest {

template <class Tag, class Rep>
struct Strong {
  Rep value{};
  friend constexpr auto operator<=>(const Strong&, const Strong&) = default;
};

// A Kafka record's offset in its partition. `next_offset` is the first that is not yet processed.
using Offset = Strong<struct OffsetTag, std::int64_t>;
using PartitionId = Strong<struct PartitionIdTag, std::int32_t>;
// Microseconds since the Unix epoch, UTC. PostgreSQL's timestamptz has the same resolution.
using EventTimeUs = Strong<struct EventTimeUsTag, std::int64_t>;
// Millionths of the billing currency: the seed's DECIMAL(10, 6) as an integer, [0, 10^10).
using MicroCost = Strong<struct MicroCostTag, std::int64_t>;

}  // namespace usage_ingest
