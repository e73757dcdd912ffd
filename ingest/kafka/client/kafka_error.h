#pragma once
// KafkaError: what the caller must do about a code of librdkafka.
//
// Nearly every code means "the cluster is not well, wait": librdkafka retries by itself, and a
// broker that is wrong about us today (no such topic, not authorised) may be put right by a person
// while we wait. So the table lists the exceptions only.
//
// Source        rdkafka.h, rd_kafka_resp_err_t and rd_kafka_fatal_error().
#include <librdkafka/rdkafka.h>

#include <optional>
#include <string_view>

#include "ingest/pipeline/telemetry.h"
#include "schema/error.h"

namespace usage_ingest::kafka::client {

[[nodiscard]] ErrorCode ToErrorCode(rd_kafka_resp_err_t code) noexcept;
// Who has to act about it: the label of the metric.
[[nodiscard]] pipeline::KafkaErrorClass ErrorClassOf(rd_kafka_resp_err_t code) noexcept;
// nullopt: the error does not keep one partition from being read while others are.
[[nodiscard]] std::optional<pipeline::StuckReason> StuckReasonOf(rd_kafka_resp_err_t code) noexcept;

// "<what>: <librdkafka's text> (<its name>)".
[[nodiscard]] Error MakeKafkaError(rd_kafka_resp_err_t code, std::string_view what);

}  // namespace usage_ingest::kafka::client
