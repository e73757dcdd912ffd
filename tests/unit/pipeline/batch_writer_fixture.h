#pragma once
// BatchWriterTest: a real writer on a scripted store, without a database and without time.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "ingest/pipeline/batch_writer.h"
#include "tests/unit/pipeline/scripted_store.h"

namespace usage_ingest::pipeline {

// Every wait is over at once, and remembered.
class JumpingClock final : public Clock {
 public:
  [[nodiscard]] TimePoint Now() const override { return now_; }
  [[nodiscard]] EventTimeUs WallNow() const override { return EventTimeUs{1}; }
  void Arm(boost::asio::steady_timer& timer, TimePoint deadline) override {
    waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now_));
    now_ = deadline;
    timer.expires_at(TimePoint::min());
  }
  void Disarm(boost::asio::steady_timer&) override {}

  std::vector<std::chrono::milliseconds> waits;

 private:
  TimePoint now_{};
};

class RecordingSink final : public TelemetrySink {
 public:
  void On(const TelemetryEvent& event) override {
    if (const auto* failure = std::get_if<PostgresFailed>(&event)) ++errors[failure->error_class];
    if (const auto* session = std::get_if<PostgresSession>(&event)) up = session->up;
    if (const auto* chosen = std::get_if<CopyPathChosen>(&event)) paths.push_back(chosen->path);
  }

  std::map<PostgresErrorClass, int> errors;
  std::optional<bool> up;
  std::vector<CopyPath> paths;
};

inline Uuid Id(std::uint8_t number) {
  Uuid id;
  id.bytes[15] = number;
  return id;
}

class BatchWriterTest : public ::testing::Test {
 protected:
  BatchWriterTest() { store_.owner = {Id(200), Id(201), Id(202)}; }

  // Events `begin` to `end` - 1, each in a record of its own.
  void Fill(std::uint8_t begin, std::uint8_t end) {
    batch_.Clear();
    batch_.partitions.emplace_back().source = &source_;
    for (std::uint8_t i = begin; i < end; ++i) {
      batch_.records.emplace_back();
      batch_.record_times_ms.push_back(0);
      BatchEvent& event = batch_.events.emplace_back();
      event.row.event.id = Id(i);
      event.row.event.request_tokens = 1;
      event.row.event.key_hash = "k";
      event.record = static_cast<std::uint32_t>(batch_.records.size() - 1);
    }
    EventCounts& outcomes = batch_.partitions[0].outcomes;
    outcomes.records = outcomes.events = end - begin;
  }
  Result<WriteResult> Write() { return Write(writer_); }
  Result<WriteResult> Write(BatchWriter& writer) {
    std::optional<Result<WriteResult>> result;
    boost::asio::co_spawn(context_, writer.Write(batch_),
                          [&](const std::exception_ptr& bug, Result<WriteResult> written) {
                            if (bug) std::rethrow_exception(bug);
                            result.emplace(std::move(written));
                          });
    context_.restart();
    context_.run();
    return std::move(result).value();
  }
  // All of `begin` to `end` - 1 are in, each once.
  void ExpectCommittedOnce(std::uint8_t begin, std::uint8_t end) const {
    for (std::uint8_t i = begin; i < end; ++i) {
      const auto found = store_.committed.find(Id(i));
      EXPECT_EQ(found == store_.committed.end() ? 0 : found->second, 1) << "row " << int{i};
    }
  }

  boost::asio::io_context context_;
  JumpingClock clock_;
  RecordingSink telemetry_;
  ScriptedStore store_;
  const TopicPartition source_{"t", PartitionId{0}};
  Attributor attributor_{16, [](std::string_view, std::uint32_t) { return std::string("{}"); }};
  BatchWriter MakeWriter(const BatchWriterOptions& options) {
    return BatchWriter(options, store_, attributor_, telemetry_, {context_.get_executor(), clock_});
  }
  BatchWriter writer_ = MakeWriter({});
  Batch batch_;
};

}  // namespace usage_ingest::pipeline
