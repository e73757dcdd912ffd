#include "ingest/kafka/client/kafka_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace usage_ingest::kafka::client {
namespace {

using pipeline::KafkaErrorClass;
using pipeline::StuckReason;

template <class Ours>
struct Entry {
  rd_kafka_resp_err_t kafka;
  Ours ours;
};

template <class Ours, std::size_t N>
std::optional<Ours> Find(const std::array<Entry<Ours>, N>& table, rd_kafka_resp_err_t code) {
  const auto* found = std::ranges::find(table, code, &Entry<Ours>::kafka);
  return found == table.end() ? std::nullopt : std::optional(found->ours);
}

constexpr std::array kExceptions = std::to_array<Entry<ErrorCode>>({
    // The instance cannot go on; a restart or a person can mend it.
    {RD_KAFKA_RESP_ERR__FATAL, ErrorCode::kFatal},
    {RD_KAFKA_RESP_ERR__INVALID_ARG, ErrorCode::kFatal},
    {RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED, ErrorCode::kFatal},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, ErrorCode::kFatal},
    {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, ErrorCode::kFatal},
    {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, ErrorCode::kFatal},
    {RD_KAFKA_RESP_ERR_INVALID_GROUP_ID, ErrorCode::kFatal},
    {RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT, ErrorCode::kFatal},
    // The group has moved on without us.
    {RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION, ErrorCode::kFenced},
    {RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, ErrorCode::kFenced},
    {RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS, ErrorCode::kFenced},
    {RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST, ErrorCode::kFenced},
    // The bytes in the broker's log cannot be read; they must not be skipped silently.
    {RD_KAFKA_RESP_ERR__BAD_MSG, ErrorCode::kBadRecord},
    {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, ErrorCode::kBadRecord},
    {RD_KAFKA_RESP_ERR_INVALID_MSG, ErrorCode::kBadRecord},
    {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, ErrorCode::kBadRecord},
    {RD_KAFKA_RESP_ERR__QUEUE_FULL, ErrorCode::kLimitExceeded},
    {RD_KAFKA_RESP_ERR__DESTROY, ErrorCode::kShuttingDown},
});

constexpr std::array kClasses = std::to_array<Entry<KafkaErrorClass>>({
    {RD_KAFKA_RESP_ERR__AUTHENTICATION, KafkaErrorClass::kAuthentication},
    {RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED, KafkaErrorClass::kAuthentication},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM, KafkaErrorClass::kAuthentication},
    {RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE, KafkaErrorClass::kAuthentication},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, KafkaErrorClass::kAuthorization},
    {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, KafkaErrorClass::kAuthorization},
    {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, KafkaErrorClass::kAuthorization},
    {RD_KAFKA_RESP_ERR__SSL, KafkaErrorClass::kTls},
    // A connection that answers in another protocol, and what one side does not know.
    {RD_KAFKA_RESP_ERR__BAD_MSG, KafkaErrorClass::kProtocol},
    {RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED, KafkaErrorClass::kProtocol},
    {RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE, KafkaErrorClass::kProtocol},
    {RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION, KafkaErrorClass::kProtocol},
    {RD_KAFKA_RESP_ERR_INVALID_REQUEST, KafkaErrorClass::kProtocol},
    {RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL, KafkaErrorClass::kProtocol},
});

constexpr std::array kStuck = std::to_array<Entry<StuckReason>>({
    {RD_KAFKA_RESP_ERR__BAD_MSG, StuckReason::kCorruptBatch},
    {RD_KAFKA_RESP_ERR__BAD_COMPRESSION, StuckReason::kCorruptBatch},
    {RD_KAFKA_RESP_ERR_INVALID_MSG, StuckReason::kCorruptBatch},
    {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, StuckReason::kCorruptBatch},
    // an unknown codec or message format: librdkafka would continue behind it
    {RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED, StuckReason::kCorruptBatch},
    {RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE, StuckReason::kBatchTooLarge},
    {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, StuckReason::kBatchTooLarge},
    {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, StuckReason::kAuthorization},
    {RD_KAFKA_RESP_ERR_UNKNOWN, StuckReason::kBrokerError},
});

}  // namespace

ErrorCode ToErrorCode(rd_kafka_resp_err_t code) noexcept {
  return Find(kExceptions, code).value_or(ErrorCode::kUnavailable);
}

KafkaErrorClass ErrorClassOf(rd_kafka_resp_err_t code) noexcept {
  return Find(kClasses, code).value_or(KafkaErrorClass::kTransient);
}

std::optional<StuckReason> StuckReasonOf(rd_kafka_resp_err_t code) noexcept {
  return Find(kStuck, code);
}

Error MakeKafkaError(rd_kafka_resp_err_t code, std::string_view what) {
  return {ToErrorCode(code),
          fmt::format("{}: {} ({})", what, rd_kafka_err2str(code), rd_kafka_err2name(code))};
}

}  // namespace usage_ingest::kafka::client
