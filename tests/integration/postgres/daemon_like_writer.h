#pragma once
// DaemonLikeWriter: transactions as the daemon's lanes write them, one statement after the other.
//
// The statements are the daemon's own (ingest/postgres/batch/statements.h); only COPY is an INSERT
// here.
#include <string>

#include "tests/integration/postgres/postgres_fixture.h"

namespace usage_ingest::postgres {

class DaemonLikeWriter {
 public:
  DaemonLikeWriter(Database database, bool fast_path, unsigned seed)
      : database_(std::move(database)), fast_path_(fast_path), seed_(seed) {}

  // One transaction of `rows` random rows over all subscriptions, in the last days. False: it lost
  // against a lock and was rolled back.
  bool WriteBatch(int rows);
  // Instead of the daemon's 250 ms, for a test that wants to see how long it would have waited.
  void WaitForLocks(const std::string& lock_timeout) { lock_timeout_ = lock_timeout; }

 private:
  void WriteInTransaction(int rows);

  Database database_;
  bool fast_path_;
  unsigned seed_;
  std::string lock_timeout_ = "250ms";
};

}  // namespace usage_ingest::postgres
