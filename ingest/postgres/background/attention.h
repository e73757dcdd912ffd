#pragma once
// Attention: what a person must look at although the daemon writes.
//
// Rows that disappeared: TRUNCATE, a restored dump and DELETE by hand leave no error behind. Each
// batch stores the last row that it inserts as a sample (usage_ingest.row_samples), and here the
// samples are looked for. A sample is missing when its row is gone, unless its subscription was
// deleted, and is still, or `partitions retain` removed its month. It stays missing until the row
// is there again, or a person deletes the sample.
//
// Events that were set aside: dead letters that PostgreSQL refused as a part of a batch.
//
// Limit         about a thousand samples; kLettersMax dead letters and kGroupsMax groups.
// Source        docs/operations.md, UsageIngestRowsMissing; schema/sql/0028_sample_rows.sql.
#include "ingest/pipeline/telemetry.h"
#include "ingest/postgres/session/async_connection.h"

namespace usage_ingest::postgres::background {

[[nodiscard]] pipeline::Task<Result<>> ReportMissingRows(session::AsyncConnection& connection,
                                                         pipeline::TelemetrySink& telemetry);

[[nodiscard]] pipeline::Task<Result<>> ReportSetAside(session::AsyncConnection& connection,
                                                      pipeline::TelemetrySink& telemetry);

}  // namespace usage_ingest::postgres::background
