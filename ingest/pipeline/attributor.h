#pragma once
// Attributor: decides for each pending event of a batch whose usage it was.
//
// With an owner it is a row. Without one, an event that cannot be charged to anyone is skipped
// (no_usage, master_key); any other becomes a dead letter `unattributed`, which the daemon retries
// when its references change.
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
  // `on_answers` is called within Resolve, after a query: the cache may know more owners. It must
  // not touch the batch that is resolved.
  Attributor(
      std::size_t cache_entries_max, MakePayload make_payload,
      std::function<void()> on_answers = [] {});

  // Makes a row of `event` without a query, if it is none yet; false: it stays pending.
  [[nodiscard]] bool AttributeFromCache(Batch& batch, BatchEvent& event);
  // Leaves no event of `batch` pending. One query for what the cache does not know or would skip.
  Task<Result<>> Resolve(Batch& batch, BatchStore& store);
  // The references changed, or it is time to ask again: the next call asks again for rows that are
  // not committed.
  void Expire() {
    cache_.Expire();
    ++as_of_;
  }
  // Sends the rows of subscriptions that are gone to attribution again.
  void ForgetSubscriptions(Batch& batch, std::span<const Uuid> gone);
  // Makes a dead letter of an event that will not be a row. kRecordGone: its payload was released
  // (record_keeper.h), and nothing is changed.
  [[nodiscard]] Result<> Reject(Batch& batch, BatchEvent& event, DeadLetterReason reason,
                                std::string_view detail);

 private:
  void ReopenStaleRows(Batch& batch) const;
  [[nodiscard]] Result<> Decide(Batch& batch, BatchEvent& event, const AttributionAnswer& answer);

  AttributionCache cache_;
  MakePayload make_payload_;
  std::function<void()> on_answers_;
  std::uint64_t as_of_ = 0;  // counts Expire
};

}  // namespace usage_ingest::pipeline
