#pragma once
// CatalogueFacts: what the database looks like, for a reader without access to it.
//
// Sizes, partitions, indexes, triggers, settings and counts; never the content of a row.
#include <iosfwd>

#include "ingest/postgres/blocking/sync_connection.h"

namespace usage_ingest::bundle {

// A section for each question. One that fails says why, and the next one is asked. Waits two
// seconds at most for a lock.
void PrintCatalogueFacts(postgres::blocking::SyncConnection& connection, std::ostream& out);

}  // namespace usage_ingest::bundle
