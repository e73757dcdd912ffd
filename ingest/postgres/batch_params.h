#pragma once
// The parameters of the batch's statements (statements.h), column by column.
#include <span>
#include <string_view>

#include "aggregate/rollup.h"
#include "ingest/pipeline/batch.h"
#include "ingest/pipeline/batch_store.h"
#include "ingest/postgres/query_params.h"

namespace usage_ingest::ingest {

[[nodiscard]] QueryParams PositionParams(std::string_view group_id,
                                         std::span<const PartitionMove> moves);
[[nodiscard]] QueryParams MoveParams(std::string_view group_id,
                                     std::span<const PartitionMove> moves);
[[nodiscard]] QueryParams OutcomeParams(std::string_view group_id,
                                        std::span<const PartitionMove> moves);
[[nodiscard]] QueryParams ParentParams(const Parents& parents);
[[nodiscard]] QueryParams QuestionParams(std::span<const AttributionQuestion> questions);
[[nodiscard]] QueryParams SummaryParams(std::span<const aggregate::SummaryDelta> summaries);
[[nodiscard]] QueryParams QuotaParams(std::span<const aggregate::QuotaDelta> quotas);
[[nodiscard]] QueryParams DeadLetterParams(std::string_view group_id,
                                           std::span<const DeadLetter> letters);

}  // namespace usage_ingest::ingest
