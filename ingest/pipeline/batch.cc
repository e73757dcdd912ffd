#include "ingest/pipeline/batch.h"

#include <algorithm>

namespace usage_ingest::pipeline {

void Batch::AddDeadLetter(std::uint32_t partition, const DeadLetter& letter) {
  dead_letters.push_back(letter);
  ++dead_letter_counts[static_cast<std::size_t>(letter.reason)];
  ++partitions[partition].outcomes.dead_lettered;
}

void Batch::CountSkip(std::uint32_t partition, SkipReason reason) {
  ++skip_counts[static_cast<std::size_t>(reason)];
  ++partitions[partition].outcomes.skipped;
}

BatchMark Batch::Mark(const TopicPartition* source) const {
  BatchMark mark{.events = events.size(),
                 .dead_letters = dead_letters.size(),
                 .partitions = partitions.size(),
                 .bytes = bytes,
                 .letter_bytes_max = letter_bytes_max,
                 .move = std::nullopt,
                 .dead_letter_counts = dead_letter_counts,
                 .skip_counts = skip_counts};
  const auto move = std::ranges::find(partitions, source, &PartitionMove::source);
  if (move != partitions.end()) mark.move = *move;
  return mark;
}

void Batch::Restore(const BatchMark& mark) {
  records.pop_back();
  record_times_ms.pop_back();
  events.resize(mark.events);
  dead_letters.resize(mark.dead_letters);
  partitions.resize(mark.partitions);
  bytes = mark.bytes;
  letter_bytes_max = mark.letter_bytes_max;
  dead_letter_counts = mark.dead_letter_counts;
  skip_counts = mark.skip_counts;
  if (!mark.move) return;
  *std::ranges::find(partitions, mark.move->source, &PartitionMove::source) = *mark.move;
}

void Batch::Clear() noexcept {
  records.clear();
  record_times_ms.clear();
  partitions.clear();
  events.clear();
  dead_letters.clear();
  dead_letter_counts.fill(0);
  skip_counts.fill(0);
  bytes = 0;
  released_bytes = 0;
  kept_bytes = 0;
  letter_bytes_max = 0;
  handled_records = 0;
  handled_events = 0;
  decode_time = {};
  arena.Reset();
}

}  // namespace usage_ingest::pipeline
