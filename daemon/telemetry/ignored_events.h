#pragma once
// Ignored events: which sink does not use which telemetry event.
//
// The lists are in one file, so that an event that one sink uses is ignored by the others here and
// nowhere else. An event that a sink neither handles nor ignores does not compile.
#include "ingest/pipeline/telemetry.h"

namespace usage_ingest::telemetry {

// Metrics reads the lags from the LagTracker and readiness from the status board.
using IgnoredByMetrics = pipeline::Ignores<pipeline::RereadRequested, pipeline::SetAsideCounted,
                                           pipeline::PartitionLag, pipeline::ReadinessBlocked>;

using IgnoredByStatusBoard =
    pipeline::Ignores<pipeline::RereadRequested, pipeline::RetentionOverdue,
                      pipeline::IndexesWatched, pipeline::QuotaPeriodsStarted>;

// The Kafka client writes its own log lines, those of librdkafka among them.
using IgnoredByLog =
    pipeline::Ignores<pipeline::DeadLettersPending, pipeline::SetAsideCounted,
                      pipeline::PartitionRunway, pipeline::RetentionOverdue, pipeline::BatchHeld,
                      pipeline::KafkaFailed, pipeline::GroupMembership, pipeline::LogChanged,
                      pipeline::PartitionLag, pipeline::ReadinessBlocked>;

// A replay has no consumer group, no housekeeper and no readiness; its terminal shows progress.
using IgnoredByReplay =
    pipeline::Ignores<pipeline::DeadLettersHealed, pipeline::DeadLettersPending,
                      pipeline::RowsMissing, pipeline::SetAsideCounted, pipeline::PartitionRunway,
                      pipeline::RetentionOverdue, pipeline::IndexesWatched, pipeline::BatchHeld,
                      pipeline::PostgresSession, pipeline::CopyPathChosen,
                      pipeline::RereadRequested, pipeline::KafkaFailed, pipeline::GroupMembership,
                      pipeline::PartitionsAssigned, pipeline::OffsetGap, pipeline::LogChanged,
                      pipeline::ReadingPaused, pipeline::PartitionStuck, pipeline::PartitionLag,
                      pipeline::ReadinessBlocked, pipeline::QuotaPeriodsStarted>;

}  // namespace usage_ingest::telemetry
