#include "ingest/pipeline/batch_assembler.h"

#include <limits>
#include <utility>

namespace usage_ingest::pipeline {

BatchAssembler::BatchAssembler(event::DecoderOptions options, Clock& clock,
                               const std::atomic<std::uint64_t>& current_epoch)
    : decoder_(std::move(options)), clock_(clock), current_epoch_(current_epoch) {}

bool BatchAssembler::IsStale(Epoch epoch) const {
  // acquire: pairs with the consumer's release when it gives a partition up; what it gave up before
  // must not be written after we have seen the new epoch.
  return epoch <= abandoned_ || epoch.value < current_epoch_.load(std::memory_order_acquire);
}

bool BatchAssembler::IsStale(const Batch& batch) const {
  return !batch.empty() && IsStale(batch.partitions.front().epoch);
}

void BatchAssembler::Abandon(Epoch epoch) {
  if (abandoned_ < epoch) abandoned_ = epoch;
}

bool BatchAssembler::Add(Batch& batch, Record& record, std::size_t elements_max) {
  if (IsStale(record.epoch)) return true;
  // What was decoded under an older assignment is read again under this one.
  if (!batch.empty() && batch.partitions.front().epoch != record.epoch) batch.Clear();
  if (record.kind == Record::Kind::kStart) {
    positions_[record.source] = {.epoch = record.epoch,
                                 .topic_id = record.topic_id,
                                 .log = {record.stored_topic_id, LeaderEpochOf(record.last_record)},
                                 .stored = record.offset,
                                 .read = record.offset,
                                 .last_record = record.last_record};
    return true;
  }
  const auto found = positions_.find(record.source);
  if (found == positions_.end() || found->second.epoch != record.epoch) return true;
  Position& position = found->second;
  if (record.kind == Record::Kind::kGap) {
    const std::uint32_t partition = MoveOf(batch, record, position);
    PartitionMove& move = batch.partitions[partition];
    move.outcomes.gap_records += record.gap_records;
    move.next_offset = move.records_end = record.offset;
    move.last_record = position.last_record = record.last_record;
    position.stored = position.read = record.offset;
    position.log = {position.topic_id, LeaderEpochOf(record.last_record)};
    return true;
  }
  if (record.kind == Record::Kind::kHole) {
    if (record.offset <= position.read) return true;
    const std::uint32_t partition = MoveOf(batch, record, position);
    batch.partitions[partition].next_offset = record.offset;
    position.stored = position.read = record.offset;
    position.log.topic_id = position.topic_id;  // the last record stays
    return true;
  }
  // Below what was seen: read a second time, counted the first time.
  if (record.offset < position.read) return true;
  elements_max_ = batch.empty() ? std::numeric_limits<std::size_t>::max() : elements_max;
  return AddMessage(batch, record, position);
}

bool BatchAssembler::AddMessage(Batch& batch, Record& record, Position& position) {
  const BatchMark before = batch.Mark(record.source);
  const std::uint32_t partition = MoveOf(batch, record, position);
  Decode(batch, std::move(record), partition);
  if (is_full()) {
    record = std::move(batch.records.back());
    batch.Restore(before);
    return false;
  }
  const Record& added = batch.records.back();
  position.stored = position.read = Offset{added.offset.value + 1};
  position.log = {position.topic_id, added.leader_epoch};
  return true;
}

void BatchAssembler::AddDetached(Batch& batch, Record record) {
  elements_max_ = std::numeric_limits<std::size_t>::max();
  Position position{.epoch = record.epoch, .stored = record.offset, .read = record.offset};
  const std::uint32_t partition = MoveOf(batch, record, position);
  Decode(batch, std::move(record), partition);
}

void BatchAssembler::RememberLastRecords(const Batch& batch) {
  for (const PartitionMove& move : batch.partitions) {
    const auto found = positions_.find(move.source);
    if (found != positions_.end() && found->second.epoch == move.epoch) {
      found->second.last_record = move.last_record;
    }
  }
}

std::uint32_t BatchAssembler::MoveOf(Batch& batch, const Record& record,
                                     const Position& position) const {
  // Newest first: records come in runs of one partition.
  for (std::size_t i = batch.partitions.size(); i-- > 0;) {
    if (batch.partitions[i].source == record.source) return static_cast<std::uint32_t>(i);
  }
  PartitionMove move;
  move.source = record.source;
  move.topic_id = position.topic_id;
  move.epoch = record.epoch;
  move.expected = position.stored;
  move.expected_log = position.log;
  move.next_offset = position.stored;
  move.last_record = position.last_record;
  batch.partitions.push_back(move);
  return static_cast<std::uint32_t>(batch.partitions.size() - 1);
}

void BatchAssembler::Decode(Batch& batch, Record record, std::uint32_t partition) {
  PartitionMove& move = batch.partitions[partition];
  move.next_offset = move.records_end = Offset{record.offset.value + 1};
  ++move.outcomes.records;

  event::RecordOrigin origin;
  origin.source = record.source;
  origin.offset = record.offset;
  origin.now = clock_.WallNow();
  origin.is_import = record.is_import;
  origin.first_index = record.first_index;
  batch.bytes += record.bytes();
  batch.letter_bytes_max += record.value.size();
  batch.record_times_ms.push_back(record.timestamp_ms);
  batch.records.push_back(std::move(record));
  batch_ = &batch;
  partition_ = partition;
  decoder_.Decode(origin, batch.records.back().value, batch.arena, *this);
}

void BatchAssembler::OnEvent(std::uint32_t index, const UsageEvent& event) {
  ++batch_->partitions[partition_].outcomes.events;
  BatchEvent& added = batch_->events.emplace_back();
  batch_->letter_bytes_max += sizeof(DeadLetter);
  added.row.event = event;
  added.row.counts_quotas = batch_->records.back().counts_quotas;
  added.record = static_cast<std::uint32_t>(batch_->records.size() - 1);
  added.event_index = index;
  added.partition = partition_;
}

void BatchAssembler::OnSkip(std::uint32_t, SkipReason reason) {
  ++batch_->partitions[partition_].outcomes.events;
  batch_->CountSkip(partition_, reason);
}

void BatchAssembler::OnReject(std::uint32_t index, const event::Rejection& rejection) {
  ++batch_->partitions[partition_].outcomes.events;
  const Record& record = batch_->records.back();
  DeadLetter letter;
  letter.source = record.source;
  letter.topic_id = batch_->partitions[partition_].topic_id;
  letter.leader_epoch = record.leader_epoch;
  letter.record_offset = record.offset;
  letter.event_index = index;
  letter.record = static_cast<std::uint32_t>(batch_->records.size() - 1);
  letter.reason = rejection.reason;
  letter.detail = rejection.detail;
  letter.key_hash = rejection.key_hash;
  letter.event_id = rejection.event_id;
  letter.event_time = rejection.event_time;
  letter.counts_quotas = record.counts_quotas;
  letter.payload =
      batch_->arena.Copy(decoder_.DeadLetterPayload(record.value, index - record.first_index));
  batch_->AddDeadLetter(partition_, letter);
}

}  // namespace usage_ingest::pipeline
