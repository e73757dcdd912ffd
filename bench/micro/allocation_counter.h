#pragma once
// How often this program has asked for memory: for what promises to allocate nothing.
//
// Linking allocation_counter.cc replaces the global operator new, as [new.delete.single] allows.
//
// Thread-safety any thread.
#include <cstdint>

namespace usage_ingest {

[[nodiscard]] std::uint64_t AllocationCount() noexcept;

}  // namespace usage_ingest
