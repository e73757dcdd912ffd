#pragma once
// Migrations: the SQL of schema/sql, in the order in which it is applied.
//
// Embedded at build time, so `usage-ingestd migrate` needs no file. A step that was released is
// never changed: its checksum is in usage_ingest.migrations of every database; a mistake in it is
// mended by a new step.
//
// Shape         text begins with a header of comments that says mode, locks, time and way back
//               (ingest/postgres/migrate/migration_step.h reads it).
#include <span>
#include <string_view>

namespace usage_ingest {

struct Migration {
  int number;
  std::string_view name;      // NNNN_verb_noun
  std::string_view checksum;  // SHA-256 of the file, hex
  std::string_view text;
};

[[nodiscard]] std::span<const Migration> Migrations();

}  // namespace usage_ingest
