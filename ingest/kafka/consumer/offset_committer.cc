#include "ingest/kafka/consumer/offset_committer.h"

namespace usage_ingest::kafka::consumer {

OffsetCommitter::Offsets OffsetCommitter::TakeDue(TimePoint now) {
  if (is_under_way_) {
    if (now - last_sent_ < kAnswerTimeout) return {};
    OnAnswer(false);  // its result is unknown
  }
  if (now - last_sent_ < limits::kKafkaCommitInterval) return {};
  Offsets due = TakeAll();
  if (!due.empty()) last_sent_ = now;
  return due;
}

OffsetCommitter::Offsets OffsetCommitter::TakeAll() {
  Offsets due;
  for (const auto& [source, next] : stored_) {
    const auto sent = sent_.find(source);
    if (sent != sent_.end() && sent->second == next) continue;
    due.emplace_back(source, next);
    sent_[source] = next;
  }
  if (!due.empty()) is_under_way_ = true;
  return due;
}

void OffsetCommitter::OnAnswer(bool succeeded) {
  is_under_way_ = false;
  if (!succeeded) sent_.clear();
}

void OffsetCommitter::Clear() {
  stored_.clear();
  sent_.clear();
  is_under_way_ = false;
}

}  // namespace usage_ingest::kafka::consumer
