#include "ingest/pipeline/record_keeper.h"

#include <xxhash.h>

#include <algorithm>

namespace usage_ingest::pipeline {
namespace {

RecordFingerprint FingerprintOf(const Record& record) {
  const XXH64_hash_t hash = XXH3_64bits(record.value.data(), record.value.size());
  return {record.timestamp_ms, static_cast<std::int64_t>(hash)};
}

// Only the last one is hashed; a gap behind it makes it none.
void NoteIfLast(PartitionMove& move, const Record& record) {
  if (record.offset.value + 1 != move.next_offset.value) return;
  move.last_record = FingerprintOf(record);
}

}  // namespace

void RecordKeeper::Settle(Batch& batch) {
  PartitionMove* move = nullptr;  // records come in runs of one partition
  for (; batch.settled_records < batch.records.size(); ++batch.settled_records) {
    Record& record = batch.records[batch.settled_records];
    if (move == nullptr || move->source != record.source) {
      move = &*std::ranges::find(batch.partitions, record.source, &PartitionMove::source);
    }
    NoteIfLast(*move, record);
    if (!lets_go_) continue;
    batch.released_bytes += record.value.size();
    if (AttributeEventsOf(batch, batch.settled_records) && batches_to_keep_ == 0) {
      record.LetGo();
    } else {
      record.MoveTo(batch.arena.Copy(record.value));
    }
  }
}

// Whether all of them are rows now.
bool RecordKeeper::AttributeEventsOf(Batch& batch, std::size_t record) {
  bool all = true;
  while (batch.settled_events < batch.events.size()) {
    BatchEvent& event = batch.events[batch.settled_events];
    if (event.record != record) break;
    all &= attributor_.AttributeFromCache(batch, event);
    ++batch.settled_events;
  }
  return all;
}

}  // namespace usage_ingest::pipeline
