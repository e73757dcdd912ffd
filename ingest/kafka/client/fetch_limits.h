#pragma once
// FetchLimits: how much librdkafka may hold, from its share of memory.budget (INV-6).
//
// librdkafka (rdkafka_msgset_reader.c, rdkafka_queue.h) counts the decompressed values in its
// prefetch queue, but neither the 0.4 KiB that each message costs beside its value nor a fetch that
// is under way. That fetch is as compressed as the broker keeps it: 1 MiB of well compressed
// records becomes ten or more. So the share is divided in three.
//
// Units         bytes, unless it says records.
#include <cstddef>

namespace usage_ingest::kafka::client {

// The share below which a fetch would be too small to be worth its round trip.
inline constexpr std::size_t kPrefetchBytesMin = std::size_t{4} << 20;

struct FetchLimits {
  std::size_t queued_kbytes;    // queued.max.messages.kbytes
  std::size_t queued_records;   // queued.min.messages, above which nothing is fetched either
  std::size_t fetch_bytes;      // fetch.max.bytes: one response, compressed
  std::size_t partition_bytes;  // fetch.message.max.bytes: one partition's part of it
  std::size_t message_bytes;    // message.max.bytes: fetch.max.bytes must not be smaller
};

// A share below kPrefetchBytesMin counts as that.
[[nodiscard]] FetchLimits FetchLimitsFor(std::size_t prefetch_bytes);

}  // namespace usage_ingest::kafka::client
