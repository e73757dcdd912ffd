#include "ingest/pipeline/record_keeper.h"

#include <xxhash.h>

#include <algorithm>

namespace usage_ingest::pipeline {
namespace {

RecordFingerprint FingerprintOf(const Record& record) {
  const XXH64_hash_t hash = XXH3_64bits(record.value.data(), record.value.size());
  return {.timestamp_ms = record.timestamp_ms,
          .value_hash = static_cast<std::int64_t>(hash),
          .leader_epoch = record.leader_epoch};
}

// Only the last one is hashed; a gap behind it makes it none.
void NoteIfLast(PartitionMove& move, const Record& record) {
  if (record.offset.value + 1 != move.records_end.value) return;
  move.last_record = FingerprintOf(record);
}

}  // namespace

void RecordKeeper::KeepOrRelease(Batch& batch) {
  PartitionMove* move = nullptr;  // records come in runs of one partition
  for (; batch.handled_records < batch.records.size(); ++batch.handled_records) {
    Record& record = batch.records[batch.handled_records];
    if (move == nullptr || move->source != record.source) {
      move = &*std::ranges::find(batch.partitions, record.source, &PartitionMove::source);
    }
    NoteIfLast(*move, record);
    if (!releases_records_) continue;
    batch.released_bytes += record.value.size() + limits::kRecordOverheadBytes;
    const std::size_t first_event = batch.handled_events;
    if (AttributeEventsOf(batch, batch.handled_records) && batches_to_keep_ == 0) {
      const std::size_t events = batch.handled_events - first_event;
      batch.letter_bytes_max -= record.value.size() + (events * sizeof(DeadLetter));
      record.ReleaseBytes();
    } else {
      record.MoveTo(batch.arena.Copy(record.value));
    }
  }
}

// Whether all of them are rows now.
bool RecordKeeper::AttributeEventsOf(Batch& batch, std::size_t record) {
  bool all = true;
  while (batch.handled_events < batch.events.size()) {
    BatchEvent& event = batch.events[batch.handled_events];
    if (event.record != record) break;
    all &= attributor_.AttributeFromCache(batch, event);
    ++batch.handled_events;
  }
  return all;
}

}  // namespace usage_ingest::pipeline
