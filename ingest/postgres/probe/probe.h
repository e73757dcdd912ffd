#pragma once
// Probe: can the daemon write to this database without failing or counting twice?
//
// The catalogue is read at the daemon's start and by `check-config --connect`. A finding is one
// line: what is wrong, where, and the SQL that removes it.
//
// Errors        a finding is no error: Result fails only when the database cannot be asked.
// Source        docs/operations.md, "Taking over from the trigger".
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/postgres/batch/copy_path.h"
#include "ingest/postgres/blocking/sync_connection.h"
#include "ingest/postgres/probe/quota_state.h"
#include "schema/problem.h"

namespace usage_ingest::postgres::probe {

enum class Severity : unsigned char {
  kFatal,    // `run` ends with it: something would count twice, fail or be lost
  kWarning,  // works, but slower or only for a time
};

// `where` is the table, trigger or setting; `fix` is SQL, or a command.
struct Finding : Problem {
  Severity severity;
  // "fatal: <where>: <what>; fix: <fix>"
  [[nodiscard]] std::string ToLine() const;
};

struct FoundColumn {
  std::string name;
  std::string type;  // as SQL has it
  unsigned type_oid;
  bool not_null;
  bool generated;
  bool has_default;
};

struct DatabaseFacts {
  int server_version = 0;   // 150004 for 15.4
  int migration_level = 0;  // number of the last step that is applied
  // batch::SkipsConstraints decides with it, for each session; nothing: a fatal finding came first.
  std::optional<batch::CopyPath> copy_path;
  bool in_recovery = false;     // a standby: writes must wait
  bool is_distributed = false;  // usage_logs, by Citus
  std::vector<FoundColumn> usage_log_columns;
  QuotaState quotas;
};

struct ProbeReport {
  std::vector<Finding> findings;
  DatabaseFacts facts;
  void Add(Severity severity, std::string where, std::string what, std::string fix);
  [[nodiscard]] bool ok() const;  // no fatal finding
};

// Opens two sessions, to notice a proxy that pools transactions. `writers`: of the daemon that the
// database is for; 0: whether there are enough sessions is not checked.
[[nodiscard]] Result<ProbeReport> ProbeDatabase(std::string_view conninfo, std::size_t writers = 0);

}  // namespace usage_ingest::postgres::probe
