#pragma once
// PositionService: tells the consumer where each of its partitions goes on.
//
// The offsets rows in PostgreSQL decide (INV-1); those in Kafka are for tools only. The consumer
// thread does not wait for PostgreSQL: it asks here and goes on polling; the answer comes to its
// inbox, however long the database is away. A newer request replaces an older one.
//
// Owner         main's executor. Request() from any thread.
// Invariants    the rows of all partitions of a topic that the group sees first are written in one
//               transaction, so `start` (which is about a topic) and "a new partition begins at its
//               beginning" cannot be confused.
#include <optional>
#include <string>
#include <vector>

#include "ingest/pipeline/consumer_inbox.h"
#include "ingest/pipeline/runtime.h"
#include "ingest/pipeline/telemetry.h"
#include "ingest/postgres/session/async_connection.h"

namespace usage_ingest::postgres::background {

// The stored positions in the order of the request; writes the rows that are missing.
[[nodiscard]] pipeline::Task<Result<std::vector<StoredOffset>>> LoadPositions(
    session::AsyncConnection& connection, std::string_view group_id,
    const pipeline::PositionsRequest& request);

class PositionService {
 public:
  struct Options {
    std::string conninfo;
    std::string group_id;
  };
  PositionService(Options options, pipeline::ConsumerInbox& inbox,
                  pipeline::TelemetrySink& telemetry, const pipeline::Runtime& runtime);

  void Request(pipeline::PositionsRequest request);
  // Answers requests until Stop().
  pipeline::Task<> Run();
  void Stop();

 private:
  pipeline::Task<> Answer(pipeline::PositionsRequest request);

  Options options_;
  pipeline::ConsumerInbox& inbox_;
  pipeline::TelemetrySink& telemetry_;
  pipeline::Runtime runtime_;
  pipeline::Wakeup wakeup_;
  std::optional<pipeline::PositionsRequest> pending_;
  bool stopping_ = false;
};

}  // namespace usage_ingest::postgres::background
