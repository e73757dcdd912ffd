#include "ingest/pipeline/batch.h"

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

void Batch::Clear() noexcept {
  records.clear();
  partitions.clear();
  events.clear();
  dead_letters.clear();
  dead_letter_counts.fill(0);
  skip_counts.fill(0);
  bytes = 0;
  released_bytes = 0;
  handled_records = 0;
  handled_events = 0;
  decode_time = {};
  arena.Reset();
}

}  // namespace usage_ingest::pipeline
