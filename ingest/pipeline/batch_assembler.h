#pragma once
// BatchAssembler: decodes records into the batch that is being built.
//
// It is the one place that decides which records count: a record of an older assignment is dropped
// (its new owner reads it), and the first record of a partition in a batch fixes what the offsets
// row must hold (INV-5).
//
// Owner         one lane.
// Invariants    INV-1: every record that moves a partition's next_offset is in its counts.
#include <atomic>
#include <cstdint>
#include <unordered_map>

#include "ingest/event/decoder.h"
#include "ingest/pipeline/batch.h"
#include "ingest/pipeline/runtime.h"

namespace usage_ingest::pipeline {

class BatchAssembler final : private event::EventSink {
 public:
  // `current_epoch` is the consumer's: records of an older one are stale.
  BatchAssembler(event::DecoderOptions options, Clock& clock,
                 const std::atomic<std::uint64_t>& current_epoch);

  // Decodes `record` into `batch`, or drops it when it is stale. False: the batch is not empty, and
  // with this record it would have more than `elements_max`; both are as they were.
  [[nodiscard]] bool Add(Batch& batch, Record& record, std::size_t elements_max);
  // The same for a record outside a stream: a dead letter that is retried.
  void AddDetached(Batch& batch, Record record);
  // The last records of `batch` are known: a batch that moves over a hole only keeps them.
  void RememberLastRecords(const Batch& batch);
  // Nothing of `epoch` or before counts any more: the positions were lost.
  void Abandon(Epoch epoch);
  [[nodiscard]] bool IsStale(const Batch& batch) const;

  [[nodiscard]] std::string DeadLetterPayload(std::string_view value, std::uint32_t index) {
    return decoder_.DeadLetterPayload(value, index);
  }

 private:
  struct Position {
    Epoch epoch;
    const TopicId* topic_id = nullptr;
    LogPosition log = {};  // that `stored` is in
    Offset stored;         // next_offset once every batch so far is committed
    Offset read;           // the first offset not yet seen
    std::optional<RecordFingerprint> last_record = {};  // the last before `read`
  };

  void OnEvent(std::uint32_t index, const UsageEvent& event) override;
  void OnSkip(std::uint32_t index, SkipReason reason) override;
  void OnReject(std::uint32_t index, const event::Rejection& rejection) override;
  [[nodiscard]] bool is_full() const override { return batch_->elements() > elements_max_; }

  [[nodiscard]] bool IsStale(Epoch epoch) const;
  std::uint32_t MoveOf(Batch& batch, const Record& record, const Position& position) const;
  bool AddMessage(Batch& batch, Record& record, Position& position);
  void Decode(Batch& batch, Record record, std::uint32_t partition);

  event::Decoder decoder_;
  Clock& clock_;
  const std::atomic<std::uint64_t>& current_epoch_;
  Epoch abandoned_;
  std::unordered_map<const TopicPartition*, Position> positions_;

  // The record that is being decoded, for the sink's calls.
  Batch* batch_ = nullptr;
  std::uint32_t partition_ = 0;
  std::size_t elements_max_ = 0;
};

}  // namespace usage_ingest::pipeline
