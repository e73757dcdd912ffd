#pragma once
// The parameters of the batch's statements (statements.h), column by column.
#include <span>
#include <string_view>

#include "aggregate/rollup.h"
#include "ingest/pipeline/batch.h"
#include "ingest/pipeline/batch_store.h"
#include "ingest/postgres/session/query_params.h"

namespace usage_ingest::postgres::batch {

// Of progress_sql.h; `reader` holds $1.
[[nodiscard]] session::QueryParams PositionParams(session::QueryParams reader,
                                                  std::span<const pipeline::PartitionMove> moves);
[[nodiscard]] session::QueryParams MoveParams(session::QueryParams reader,
                                              std::span<const pipeline::PartitionMove> moves);
[[nodiscard]] session::QueryParams OutcomeParams(session::QueryParams reader,
                                                 std::span<const EventCountColumn> columns,
                                                 std::span<const pipeline::PartitionMove> moves);
[[nodiscard]] session::QueryParams ParentParams(const pipeline::Parents& parents);
[[nodiscard]] session::QueryParams QuestionParams(
    std::span<const pipeline::AttributionQuestion> questions);
[[nodiscard]] session::QueryParams SubscriptionParams(
    std::span<const aggregate::QuotaDelta> quotas);
[[nodiscard]] session::QueryParams QuotaParams(std::span<const aggregate::QuotaDelta> quotas,
                                               std::span<const std::int64_t> warn_at_percent);
[[nodiscard]] session::QueryParams IdParams(std::span<const Uuid> ids);
[[nodiscard]] session::QueryParams DeadLetterParams(std::string_view group_id,
                                                    std::span<const pipeline::DeadLetter> letters);

// Of the transaction's subscriptions, from its oldest event on.
[[nodiscard]] session::QueryParams QuotaPeriodParams(const pipeline::Batch& batch,
                                                     const pipeline::Parents& parents);
// The keys of the rows that the transaction inserts, and when each was used last.
[[nodiscard]] session::QueryParams KeyUseParams(const pipeline::Batch& batch);
// Null: no row was inserted.
[[nodiscard]] const UsageRow* LastInserted(const pipeline::Batch& batch);

}  // namespace usage_ingest::postgres::batch
