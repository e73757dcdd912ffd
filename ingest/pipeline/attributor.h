#pragma once
// Attributor: decides for each pending event of a batch whose usage it was.
//
// Found: a row. Not found: nobody's usage is skipped (no_usage, master_key), somebody's becomes a
// dead letter `unattributed` that the daemon retries when its references change.
//
// Owner         one lane.
// Source        docs/events.md, "Attribution" and "Skipped".
#include <functional>
#include <string>

#include "ingest/pipeline/attribution_cache.h"
#include "ingest/pipeline/batch.h"
#include "ingest/pipeline/batch_store.h"

namespace usage_ingest::pipeline {

// Makes the payload that a dead letter keeps; the decoder's, bound by the lane.
using MakePayload = std::function<std::string(std::string_view value, std::uint32_t index)>;

class Attributor {
 public:
  Attributor(std::size_t cache_entries_max, MakePayload make_payload);

  // Makes a row of `event`, without waiting for anyone; false: it stays pending.
  [[nodiscard]] bool AttributeFromCache(Batch& batch, BatchEvent& event);
  // Leaves no event of `batch` pending. One query for all that the cache does not know.
  Task<Result<>> Resolve(Batch& batch, BatchStore& store);
  // The references changed, or it is time to look again: rows that are not in yet are asked for
  // anew by the next call.
  void Expire() {
    cache_.Expire();
    ++as_of_;
  }
  // Sends the rows of subscriptions that are gone to attribution again.
  void ForgetSubscriptions(Batch& batch, std::span<const Uuid> gone);
  // A dead letter for an event that will not be a row after all. kRecordGone: its payload was let
  // go (record_keeper.h), and nothing is changed.
  [[nodiscard]] Result<> Reject(Batch& batch, BatchEvent& event, DeadLetterReason reason,
                                std::string_view detail);

 private:
  void AskAgainWhatIsOld(Batch& batch) const;
  [[nodiscard]] Result<> Decide(Batch& batch, BatchEvent& event, const AttributionAnswer& answer);

  AttributionCache cache_;
  MakePayload make_payload_;
  std::uint64_t as_of_ = 0;  // counts Expire
};

}  // namespace usage_ingest::pipeline
