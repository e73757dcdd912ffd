#include "ingest/kafka/client/kafka_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace usage_ingest::kafka::client {
namespace {

struct Entry {
  rd_kafka_resp_err_t kafka;
  ErrorCode ours;
};

constexpr std::array kExceptions = std::to_array<Entry>({
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

}  // namespace

ErrorCode ToErrorCode(rd_kafka_resp_err_t code) noexcept {
  const auto* found = std::ranges::find(kExceptions, code, &Entry::kafka);
  return found == kExceptions.end() ? ErrorCode::kUnavailable : found->ours;
}

Error MakeKafkaError(rd_kafka_resp_err_t code, std::string_view what) {
  return {ToErrorCode(code),
          fmt::format("{}: {} ({})", what, rd_kafka_err2str(code), rd_kafka_err2name(code))};
}

}  // namespace usage_ingest::kafka::client
