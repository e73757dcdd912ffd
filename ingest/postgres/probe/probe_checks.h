#pragma once
// ProbeChecks: the parts of ProbeDatabase; each adds its findings and facts.
//
// Owner         probe.cc, which calls them in this order and stops after a part that makes the next
//               one meaningless.
#include "ingest/postgres/probe/probe.h"

namespace usage_ingest::postgres::probe {

// False: nothing more can be checked.
Result<bool> ProbeServer(blocking::SyncConnection& connection, ProbeReport& report);
// Before the tables are asked for, because a worker of Citus has none.
Result<bool> ProbeNode(blocking::SyncConnection& connection, ProbeReport& report);
Result<bool> ProbeSchema(blocking::SyncConnection& connection, ProbeReport& report);
Result<bool> ProbeMigrations(blocking::SyncConnection& connection, ProbeReport& report);
Result<bool> ProbeTables(blocking::SyncConnection& connection, ProbeReport& report);
Result<> ProbeUsageLogs(blocking::SyncConnection& connection, ProbeReport& report);
Result<> ProbeTriggers(blocking::SyncConnection& connection, ProbeReport& report);
Result<> ProbeSummaries(blocking::SyncConnection& connection, ProbeReport& report);
Result<> ProbeQuotas(blocking::SyncConnection& connection, ProbeReport& report);
Result<> ProbePrivileges(blocking::SyncConnection& connection, ProbeReport& report);
Result<> ProbeIndexes(blocking::SyncConnection& connection, ProbeReport& report);
// docs/operations.md, "What you need", says what the sessions are for.
Result<> ProbeSessions(blocking::SyncConnection& connection, std::size_t writers,
                       ProbeReport& report);
Result<> ProbeUntrustedRoles(blocking::SyncConnection& connection, ProbeReport& report);
// Nothing where there is no Citus: which tables it manages and, when usage_logs is one of them,
// whether the workers are fit for it.
Result<> ProbeCitus(blocking::SyncConnection& connection, std::size_t writers, ProbeReport& report);
// The two parts of that, for migrate.
Result<> ProbeCitusTables(blocking::SyncConnection& connection, ProbeReport& report);
Result<> ProbeCitusWorkers(blocking::SyncConnection& connection, std::size_t writers,
                           ProbeReport& report);

}  // namespace usage_ingest::postgres::probe
