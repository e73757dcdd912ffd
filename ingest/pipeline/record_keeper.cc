#include "ingest/pipeline/record_keeper.h"

#include <algorithm>
#include <span>
#include <utility>

namespace usage_ingest::pipeline {
namespace {

// Above this, what is kept takes the place of the arena's blocks: the arena has those of the
// largest batch so far, and both together would be more than the batch may have (INV-6).
constexpr std::size_t kKeptBytesFew = std::size_t{1} << 20;

// Only the last one is hashed; a gap behind it makes it none.
void NoteLastRecords(Batch& batch) {
  PartitionMove* move = nullptr;  // records come in runs of one partition
  for (const Record& record : std::span(batch.records).subspan(batch.handled_records)) {
    if (move == nullptr || move->source != record.source) {
      move = &*std::ranges::find(batch.partitions, record.source, &PartitionMove::source);
    }
    if (record.offset.value + 1 != move->records_end.value) continue;
    move->last_record = FingerprintOf(record);
  }
}

}  // namespace

void RecordKeeper::KeepOrRelease(Batch& batch) {
  NoteLastRecords(batch);
  const Range range{std::exchange(batch.handled_records, batch.records.size()),
                    std::exchange(batch.handled_events, batch.events.size())};
  if (!releases_records_) return;
  Decide(batch, range);
  for (std::size_t i = range.first_record; i < batch.records.size(); ++i) {
    batch.released_bytes += limits::kRecordOverheadBytes;
    batch.kept_bytes += batch.records[i].value.size();
    if (decisions_[i - range.first_record].is_needed) batch.records[i].CopyBytes();
  }
  Release(batch, range);
  if (batch.kept_bytes > kKeptBytesFew) batch.arena.ReleaseUnused();
}

void RecordKeeper::ReleaseKnown(Batch& batch) {
  if (!releases_records_ || batch.records.empty()) return;
  Decide(batch, {});
  Release(batch, {});
}

void RecordKeeper::Decide(Batch& batch, Range range) {
  decisions_.assign(batch.records.size() - range.first_record,
                    {.is_needed = batches_to_keep_ != 0});
  for (BatchEvent& event : std::span(batch.events).subspan(range.first_event)) {
    if (event.record == kReleasedRecord) continue;
    Decision& decision = decisions_[event.record - range.first_record];
    ++decision.events;
    decision.is_needed |= !attributor_.AttributeFromCache(batch, event);
  }
}

void RecordKeeper::Release(Batch& batch, Range range) {
  std::size_t kept = range.first_record;
  for (std::size_t i = range.first_record; i < batch.records.size(); ++i) {
    Decision& decision = decisions_[i - range.first_record];
    Record& record = batch.records[i];
    if (decision.is_needed) {
      decision.index = static_cast<std::uint32_t>(kept);
      if (kept != i) batch.records[kept] = std::move(record);
      ++kept;
    } else {
      batch.released_bytes += sizeof(Record) + record.value.size();
      batch.kept_bytes -= record.value.size();
      batch.letter_bytes_max -= record.value.size() + (decision.events * sizeof(DeadLetter));
    }
  }
  batch.records.resize(kept);
  batch.handled_records = kept;
  for (BatchEvent& event : std::span(batch.events).subspan(range.first_event)) {
    if (event.record == kReleasedRecord) continue;
    event.record = decisions_[event.record - range.first_record].index;
  }
}

}  // namespace usage_ingest::pipeline
