#pragma once
// BatchResults: what the steps of a batch read from PostgreSQL's answers, which are binary.
//
// Thread-safety pure functions.
#include <libpq-fe.h>

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "ingest/pipeline/batch_store.h"
#include "schema/usage_event.h"

namespace usage_ingest::postgres::batch {

// Nil for NULL.
[[nodiscard]] Uuid UuidAt(const PGresult* result, int row, int column);
// The first column, sorted.
[[nodiscard]] std::vector<Uuid> IdsOf(const PGresult* rows);
// `ids` are sorted.
[[nodiscard]] bool HasOnlyIdsOf(std::span<const UsageRow* const> rows, std::span<const Uuid> ids);
[[nodiscard]] pipeline::Parents GoneParents(const PGresult* rows);

// An answer to kQuotaPeriods.
struct QuotaPeriodsFound {
  std::vector<pipeline::QuotaPeriod> periods;
  std::vector<Uuid> due;  // whose period has ended
};
[[nodiscard]] QuotaPeriodsFound QuotaPeriodsOf(const PGresult* rows);
// An answer to AddQuotas().
[[nodiscard]] pipeline::QuotaChanges QuotaChangesOf(const PGresult* rows);
// "COPY usage_logs, line 17, column metadata" names the row; the header is not counted as a line.
// REQUIRES: an English message.
[[nodiscard]] std::optional<std::size_t> RowOfContext(std::string_view context);

}  // namespace usage_ingest::postgres::batch
