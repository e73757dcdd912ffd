#pragma once
// FillHistory: the history of the rows that were there before usage_ingest.usage_daily.
//
// It adds what the rows show and the history does not have (admin/daily_admin.h). So a run that was
// interrupted is continued by the next one, and a daemon may have written the history of some rows.
#include <iosfwd>

#include "ingest/postgres/blocking/sync_connection.h"
#include "ingest/postgres/migrate/migrator.h"

namespace usage_ingest::postgres::migrate {

[[nodiscard]] Result<> FillHistory(blocking::SyncConnection& connection,
                                   const MigrateOptions& options, std::ostream& out);

}  // namespace usage_ingest::postgres::migrate
