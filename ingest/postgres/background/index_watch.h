#pragma once
// IndexWatch: what the daemon tells of deferred indexes. It builds none: `partitions index` does,
// as the owner of usage_logs (admin/index_admin.h).
#include "ingest/pipeline/telemetry.h"
#include "ingest/postgres/batch/partition_plan.h"
#include "ingest/postgres/session/async_connection.h"

namespace usage_ingest::postgres::background {

[[nodiscard]] pipeline::Task<Result<>> ReportIndexes(session::AsyncConnection& connection,
                                                     const batch::PartitionPlan& plan,
                                                     pipeline::TelemetrySink& telemetry);

}  // namespace usage_ingest::postgres::background
