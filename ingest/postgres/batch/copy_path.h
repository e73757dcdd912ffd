#pragma once
// CopyPath: may the rows of a batch skip foreign keys and triggers?
//
// They may when the role may set session_replication_role and no trigger of another program
// needs to see the rows. The statement and the decision are here only: `check-config` and `run`
// report it, and each session asks again when it connects, and when DDL has changed something
// since.
//
// Source        PostgreSQL 15 manual, ALTER TABLE, "DISABLE/ENABLE TRIGGER", and 20.11.1,
//               session_replication_role.
#include <libpq-fe.h>

#include <string>
#include <vector>

#include "ingest/postgres/batch/foreign_keys.h"
#include "schema/error.h"

namespace usage_ingest::postgres::batch {

// No parameters; for ReadCopyPath. All columns are text, so text and binary results are the same.
extern const char* const kAskCopyPath;

// No parameters; one text that changes whenever DDL may have changed the answer of kAskCopyPath or
// of kAskHasSpend (quota_update.h).
// Asked in each batch: 0.9 ms with 121 partitions, where kAskCopyPath takes 5 ms (pgbench, on a
// busy machine).
extern const char* const kAskCopyPathVersion;

// An enabled trigger on usage_logs or one of its partitions, at any level, that sees rows come in.
struct UsageLogTrigger {
  std::string name;
  std::string table;
  std::string quoted_name;
  bool sums_up = false;      // adds to summaries or counters, as the seed's does
  bool steps_aside = false;  // not for the daemon's rows: WHEN checks usage_ingest.aggregating
  // ENABLE (the default): only when constraints are kept. ENABLE ALWAYS: also when they are
  // skipped. ENABLE REPLICA: only then.
  bool fires_with_constraints = true;
  bool fires_without_constraints = false;
  std::string fix;  // SQL that makes it step aside

  // With constraints it adds each row of the daemon to the sums, as the daemon does.
  [[nodiscard]] bool counts_twice() const;
  // It is of another program, which relies on foreign keys and its other triggers too; or to skip
  // constraints would make it fire and count.
  [[nodiscard]] bool needs_constraints() const;
};

struct CopyPath {
  bool role_may_skip = false;
  std::vector<UsageLogTrigger> triggers;

  [[nodiscard]] bool may_skip_constraints() const;
  // The first that counts twice; nullptr: none.
  [[nodiscard]] const UsageLogTrigger* counts_twice() const;
};
[[nodiscard]] CopyPath ReadCopyPath(const PGresult* result);

// True: COPY runs with session_replication_role = replica.
// Errors        kFatal: `wanted` is kBatch and cannot be. kUnavailable: a trigger would count each
//               row a second time; nothing may be written until it steps aside.
[[nodiscard]] Result<bool> SkipsConstraints(const CopyPath& path, ForeignKeys wanted);

}  // namespace usage_ingest::postgres::batch
