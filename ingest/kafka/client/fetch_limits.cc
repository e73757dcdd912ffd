#include "ingest/kafka/client/fetch_limits.h"

#include <algorithm>

#include "schema/limits.h"

namespace usage_ingest::kafka::client {
namespace {

// LiteLLM's JSON shrinks to a tenth by lz4; two brokers may answer at the same time.
constexpr std::size_t kInflation = 16 * 2;
// What is fetched at once is a step in memory, and at a megabyte the round trips of a local network
// are already hidden: the lanes, not the fetches, set the pace (bench/RESULTS.md, CPU by thread).
constexpr std::size_t kFetchBytesMax = std::size_t{1} << 20;
// librdkafka's own lower bound of message.max.bytes.
constexpr std::size_t kMessageBytesMin = 1000;

}  // namespace

FetchLimits FetchLimitsFor(std::size_t prefetch_bytes) {
  const std::size_t share = std::max(prefetch_bytes, kPrefetchBytesMin);
  const std::size_t fetch = std::min(kFetchBytesMax, share / 4 / kInflation);
  return {.queued_kbytes = share / 2 / 1024,
          .queued_records = share / 4 / limits::kRecordOverheadBytes,
          .fetch_bytes = fetch,
          .partition_bytes = fetch,
          .message_bytes = std::max(kMessageBytesMin, std::min<std::size_t>(fetch, 1'000'000))};
}

}  // namespace usage_ingest::kafka::client
