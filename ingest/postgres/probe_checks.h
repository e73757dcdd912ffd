#pragma once
// ProbeChecks: the parts of ProbeDatabase; each adds its findings and facts.
//
// Owner         ingest/postgres/probe.cc, which calls them in this order and stops after a part
// that
//               makes the next one meaningless.
#include "ingest/postgres/probe.h"

namespace usage_ingest::ingest {

// False: nothing more can be checked.
Result<bool> ProbeServer(SyncConnection& connection, ProbeReport& report);
Result<> ProbePooling(SyncConnection& connection, std::string_view conninfo, ProbeReport& report);
Result<bool> ProbeMigrations(SyncConnection& connection, ProbeReport& report);
Result<bool> ProbeTables(SyncConnection& connection, ProbeReport& report);
Result<> ProbeUsageLogs(SyncConnection& connection, ProbeReport& report);
Result<> ProbeTriggers(SyncConnection& connection, ProbeReport& report);
Result<> ProbeSummaries(SyncConnection& connection, ProbeReport& report);
Result<> ProbeQuotas(SyncConnection& connection, ProbeReport& report);
Result<> ProbePrivileges(SyncConnection& connection, ProbeReport& report);

}  // namespace usage_ingest::ingest
