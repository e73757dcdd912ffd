#include "ingest/postgres/batch/batch_results.h"

#include <algorithm>
#include <cctype>
#include <cstring>

#include "ingest/postgres/batch/quota_update.h"
#include "ingest/postgres/session/query_params.h"

namespace usage_ingest::postgres::batch {

Uuid UuidAt(const PGresult* result, int row, int column) {
  Uuid id;
  if (PQgetisnull(result, row, column) == 0) {
    std::memcpy(id.bytes.data(), PQgetvalue(result, row, column), id.bytes.size());
  }
  return id;
}

std::vector<Uuid> IdsOf(const PGresult* rows) {
  std::vector<Uuid> ids;
  ids.reserve(static_cast<std::size_t>(PQntuples(rows)));
  for (int row = 0; row < PQntuples(rows); ++row) ids.push_back(UuidAt(rows, row, 0));
  std::sort(ids.begin(), ids.end());
  return ids;
}

bool HasOnlyIdsOf(std::span<const UsageRow* const> rows, std::span<const Uuid> ids) {
  std::vector<Uuid> sent;
  sent.reserve(rows.size());
  for (const UsageRow* row : rows) sent.push_back(row->event.id);
  std::sort(sent.begin(), sent.end());
  return std::ranges::includes(sent, ids);
}

pipeline::Parents GoneParents(const PGresult* rows) {
  pipeline::Parents gone;
  for (int row = 0; row < PQntuples(rows); ++row) {
    const std::string_view kind = PQgetvalue(rows, row, 0);
    std::vector<Uuid>& ids = kind == "subscription" ? gone.subscriptions
                             : kind == "api_key"    ? gone.api_keys
                                                    : gone.teams;
    ids.push_back(UuidAt(rows, row, 1));
  }
  for (std::vector<Uuid>* ids : {&gone.subscriptions, &gone.api_keys, &gone.teams}) {
    std::sort(ids->begin(), ids->end());
  }
  return gone;
}

QuotaPeriodsFound QuotaPeriodsOf(const PGresult* rows) {
  QuotaPeriodsFound found;
  for (int row = 0; row < PQntuples(rows); ++row) {
    const Uuid subscription = UuidAt(rows, row, 0);
    if (PQgetisnull(rows, row, 1) == 0) {
      found.periods.push_back({subscription, session::FromPgTime(session::Int64At(rows, row, 1))});
    }
    if (session::Int64At(rows, row, 2) != 0) found.due.push_back(subscription);
  }
  return found;
}

pipeline::QuotaChanges QuotaChangesOf(const PGresult* rows) {
  pipeline::QuotaChanges changes;
  for (int row = 0; row < PQntuples(rows); ++row) {
    const QuotaNews news{session::Int64At(rows, row, 1)};
    changes.suspended += news == QuotaNews::kSuspended ? 1 : 0;
    changes.warnings += news == QuotaNews::kWarned ? 1 : 0;
  }
  return changes;
}

std::optional<std::size_t> RowOfContext(std::string_view context) {
  constexpr std::string_view kLine = ", line ";
  const std::size_t found = context.rfind(kLine);
  if (found == std::string_view::npos) return std::nullopt;
  std::size_t line = 0;
  for (std::size_t i = found + kLine.size(); i < context.size() && std::isdigit(context[i]) != 0;
       ++i) {
    line = line * 10 + static_cast<std::size_t>(context[i] - '0');
  }
  if (line == 0) return std::nullopt;
  return line - 1;
}

}  // namespace usage_ingest::postgres::batch
