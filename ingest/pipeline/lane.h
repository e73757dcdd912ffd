#pragma once
// Lane: one thread's share of the stream, from its queue to PostgreSQL.
//
// Two coroutines on one thread: while the writer waits for PostgreSQL, the assembler decodes the
// next batch. A batch goes to the writer when it is full or has lingered; while the writer is busy
// the batch grows on, up to the transaction's bound, because larger transactions update each
// summary and each subscription less often (phase `upsert` in bench/RESULTS.md).
//
// Owner         its thread, which runs the executor given. Any thread: Wake, Stop, Finish,
//               ExpireAttribution (they post).
// Limit         two batches of at most transaction_bytes_max each, decoded events and records. A
//               transaction has at most transaction_rows_max events and dead letters, or those of
//               one record. After one that PostgreSQL could not do at once the lane reads less.
// Errors        Run returns kFatal when only a person can remove the cause, else ends by Stop or
//               Finish.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>

#include "ingest/pipeline/attributor.h"
#include "ingest/pipeline/batch.h"
#include "ingest/pipeline/batch_assembler.h"
#include "ingest/pipeline/batch_writer.h"
#include "ingest/pipeline/consumer_inbox.h"
#include "ingest/pipeline/lane_queue.h"
#include "ingest/pipeline/record_keeper.h"
#include "ingest/pipeline/runtime.h"
#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::pipeline {

// Bounds of a batch: none unless they are set. The defaults of [batch] are in
// daemon/config/config.h.
struct LaneOptions {
  std::size_t index = 0;
  event::DecoderOptions decoder;
  std::size_t rows_max = kUnbounded;              // hands over when the writer is free
  std::size_t bytes_max = kUnbounded;             // likewise
  std::size_t transaction_rows_max = kUnbounded;  // stops decoding when the writer is not
  std::size_t transaction_bytes_max = kUnbounded;
  std::chrono::milliseconds linger{0};
  std::size_t attribution_entries_max = 1 << 18;
  bool counts_quotas = true;  // false: `--no-quota` (INV-3's exception)
  BatchWriterOptions writer;

  static constexpr std::size_t kUnbounded = std::numeric_limits<std::size_t>::max();
};

// What a lane shares with the rest of the process.
struct LaneDependencies {
  BatchStore& store;
  TelemetrySink& telemetry;
  ConsumerInbox& inbox;
  const std::atomic<std::uint64_t>& current_epoch;
};

class Lane {
 public:
  Lane(LaneOptions options, LaneQueue::Consumer queue, LaneDependencies dependencies,
       const Runtime& runtime);

  Task<Result<>> Run();

  void Wake();               // the queue has something
  void Stop();               // finish the running transaction, drop the rest: it is in Kafka
  void Finish();             // end when everything in the queue is written (replay, import)
  void ExpireAttribution();  // the references changed

  // Any thread: counts transactions and chunks of decoding; the watchdog asks whether it moves.
  [[nodiscard]] std::uint64_t progress() const noexcept {
    return progress_.load(std::memory_order_relaxed) + writer_.attempts();
  }
  // Any thread: nothing queued, nothing in a batch.
  [[nodiscard]] bool idle() const noexcept { return idle_.load(std::memory_order_relaxed); }

 private:
  Task<> Assemble();
  Task<Result<>> Write();
  Task<Result<>> WriteOne(Batch& batch);
  [[nodiscard]] bool DecodeSome();
  [[nodiscard]] bool DecodeOne();
  void HandOverWhenDue();
  void ReadAgain(const Batch& batch, const Error& error);
  void ReadLess(const Batch& batch);
  void ReadMore();
  void Report(const Batch& batch, const WriteResult& result);
  void Acknowledge(const Batch& batch);
  [[nodiscard]] bool IsDue() const;
  [[nodiscard]] bool IsFull() const;
  [[nodiscard]] TimePoint NextDeadline() const;

  LaneOptions options_;
  LaneQueue::Consumer queue_;
  LaneDependencies dependencies_;
  Runtime runtime_;
  BatchAssembler assembler_;
  Attributor attributor_;
  RecordKeeper keeper_;
  BatchWriter writer_;

  Batch batches_[2];
  Batch* building_ = &batches_[0];
  Batch* writing_ = nullptr;  // null: the writer is free
  TimePoint building_since_;
  std::optional<Record> waiting_;  // taken from the queue, and the batch was too full for it
  std::size_t elements_max_;       // of a transaction: transaction_rows_max, or less for a while
  Wakeup assemble_;
  Wakeup write_;
  bool stopping_ = false;
  bool finishing_ = false;
  bool drained_ = false;    // finishing, and the queue was seen empty
  bool assembled_ = false;  // Assemble() has ended
  std::atomic<std::uint64_t> progress_{0};
  std::atomic<bool> idle_{true};
};

}  // namespace usage_ingest::pipeline
