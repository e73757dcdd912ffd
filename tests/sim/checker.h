#pragma once
// Checker: checks the invariants of ARCHITECTURE.md on what is committed.
//
// It knows the truth about every record ever produced, and looks at the tables only, never at the
// pipeline; so what it says holds whatever the pipeline thinks it did. INV-5 is checked where it
// can be seen: at COMMIT (fake_database.cc) and when a batch is begun (fake_batch_store.cc). INV-6
// is about memory, so the process checks it (SimProcess::HoldsTooMuch).
//
// Owner         one simulation.
#include <map>
#include <string>
#include <vector>

#include "tests/sim/fake_database.h"
#include "tests/sim/fake_kafka.h"

namespace usage_ingest::sim {

class Checker {
 public:
  Checker(FakeKafka& kafka, FakeDatabase& database) : kafka_(kafka), database_(database) {}

  // What is wrong in the tables, or between them and Kafka's offsets; empty: nothing.
  [[nodiscard]] std::string Check();
  // The latter alone, when only Kafka's offsets changed.
  [[nodiscard]] std::string CheckKafka();
  // What keeps the run from being over: something is not accounted yet; empty: nothing.
  [[nodiscard]] std::string WhatIsLeft() const;
  // The database is about to go back: until it has caught up, Kafka's offsets may be ahead.
  void NoteFailOver();
  // Logs are about to be replaced. From now on what the partitions count includes records that are
  // in no log any more, and records that were read twice.
  void NoteReplaced();

 private:
  void LearnTruths();
  [[nodiscard]] std::string CheckAccounts(PartitionId partition, const OffsetsRow& row) const;
  [[nodiscard]] std::string CheckLost(PartitionId partition, const OffsetsRow& row) const;
  // A record of the log as it is now that is not accounted although it lies below next_offset.
  [[nodiscard]] std::string CheckReplaced(PartitionId partition, const OffsetsRow& row) const;
  [[nodiscard]] std::string CheckTotals() const;
  [[nodiscard]] std::string CheckRows() const;
  [[nodiscard]] std::string CheckRefusals() const;
  [[nodiscard]] std::string CheckSums();
  [[nodiscard]] std::string CheckHistory();
  [[nodiscard]] bool IsAccounted(PartitionId partition, const LogRecord& record) const;

  FakeKafka& kafka_;
  FakeDatabase& database_;
  aggregate::Rollup rollup_;  // kept, since making one costs more than using it
  aggregate::DailyRollup days_;
  std::map<Uuid, Truth> truths_;
  std::vector<std::size_t> learned_;         // records of each log
  std::map<PartitionId, Offset> was_ahead_;  // before a fail-over
  bool is_replaced_ = false;
};

}  // namespace usage_ingest::sim
