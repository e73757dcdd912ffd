#pragma once
// PositionService: tells the consumer where each of its partitions goes on.
//
// The offsets rows in PostgreSQL are the truth (INV-1), Kafka's own are a courtesy. The consumer
// thread never waits for PostgreSQL: it asks here and polls on; the answer comes by its inbox,
// however long the database is away. A newer request replaces an older one.
//
// Owner         main's executor. Request() from any thread.
// Invariants    the rows of all partitions of a topic that the group sees first are written in one
//               transaction, so `start` (which is about a topic) and "a new partition begins at its
//               beginning" cannot be confused.
#include <optional>
#include <string>
#include <vector>

#include "ingest/pipeline/consumer_inbox.h"
#include "ingest/pipeline/observer.h"
#include "ingest/pipeline/runtime.h"
#include "ingest/postgres/async_connection.h"

namespace usage_ingest::ingest {

// The stored positions in the order of the request; writes the rows that are missing.
[[nodiscard]] Task<Result<std::vector<StoredOffset>>> LoadPositions(
    AsyncConnection& connection, std::string_view group_id, const PositionsRequest& request);

class PositionService {
 public:
  struct Options {
    std::string conninfo;
    std::string group_id;
  };
  PositionService(Options options, ConsumerInbox& inbox, PipelineObserver& observer,
                  Runtime runtime);

  void Request(PositionsRequest request);
  // Answers requests until Stop().
  Task<> Run();
  void Stop();

 private:
  Task<> Answer();

  Options options_;
  ConsumerInbox& inbox_;
  PipelineObserver& observer_;
  Runtime runtime_;
  Wakeup wakeup_;
  std::optional<PositionsRequest> pending_;
  bool stopping_ = false;
};

}  // namespace usage_ingest::ingest
