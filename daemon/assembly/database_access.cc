#include "daemon/assembly/database_access.h"

#include <fmt/format.h>

#include "daemon/assembly/connect_advice.h"

namespace usage_ingest::assembly {
namespace {

// Source: PostgreSQL 15 manual, appendix A.
constexpr std::string_view kInsufficientPrivilege = "42501";
constexpr std::string_view kUndefinedTable = "42P01";
constexpr std::string_view kUndefinedSchema = "3F000";
constexpr std::string_view kUndefinedColumn = "42703";

// How session/sqlstate.h begins what the server said.
bool Names(const Error& error, std::string_view sqlstate) {
  return error.context.find(std::string(sqlstate) + ": ") != std::string::npos;
}

// How a session begins the error of a connection that could not be made.
bool IsConnectError(const Error& error) {
  return error.code == ErrorCode::kUnavailable &&
         error.context.find("cannot connect") != std::string::npos;
}

text::ExitCode CodeFor(ErrorCode code) {
  switch (code) {
    case ErrorCode::kShuttingDown:
      return text::ExitCode::kInterrupted;
    case ErrorCode::kUnavailable:
    case ErrorCode::kConflict:
    case ErrorCode::kIndeterminate:
    case ErrorCode::kFenced:
    case ErrorCode::kRecordGone:
    case ErrorCode::kTooLarge:
      return text::ExitCode::kUnavailable;
    case ErrorCode::kFatal:
    case ErrorCode::kMissingPartition:
      return text::ExitCode::kConfig;
    case ErrorCode::kBadRequest:
    case ErrorCode::kBadRecord:
    case ErrorCode::kRejected:
    case ErrorCode::kDuplicateRow:
      return text::ExitCode::kBadInput;
    case ErrorCode::kLimitExceeded:
      return text::ExitCode::kInternal;
  }
  return text::ExitCode::kInternal;
}

std::string_view FixFor(text::ExitCode code) {
  if (code == text::ExitCode::kUnavailable) return "try again when it is back";
  return code == text::ExitCode::kInterrupted ? "run it again" : "";
}

}  // namespace

text::UserError ToUserError(const Error& error, const std::string& where) {
  if (IsConnectError(error)) {
    const ConnectAdvice advice = AdviseOnConnect(error.context);
    return {advice.code, {error.context, where, std::string(advice.fix)}};
  }
  if (Names(error, kInsufficientPrivilege)) {
    return {
        text::ExitCode::kPermission,
        {error.context, where,
         fmt::format("run it as the owner of the tables, with {} in its environment; or grant what "
                     "`usage-ingestd migrate --print-grants ROLE` says",
                     kOwnerEnvironment)}};
  }
  if (Names(error, kUndefinedTable) || Names(error, kUndefinedSchema) ||
      Names(error, kUndefinedColumn)) {
    return {text::ExitCode::kConfig,
            {error.context, where, "run `usage-ingestd migrate` as the owner"}};
  }
  const text::ExitCode code = CodeFor(error.code);
  return {code, {error.context, where, std::string(FixFor(code))}};
}

text::UserError KafkaToUserError(const Error& error) {
  const text::ExitCode code = CodeFor(error.code);
  std::string_view fix = FixFor(code);
  if (error.code == ErrorCode::kBadRequest) {
    fix = "correct --topic and --partition; `kafka-topics.sh --list` shows the topics";
  } else if (code == text::ExitCode::kUnavailable) {
    fix = "start the broker, or correct kafka.brokers and [kafka.properties]";
  } else if (code == text::ExitCode::kConfig) {
    fix = "correct the credentials, certificates or protocol in [kafka.properties]";
  }
  return {code, {error.context, "kafka.brokers", std::string(fix)}};
}

postgres::blocking::SyncConnection ConnectOrThrow(const config::Config& config,
                                                  const std::string& purpose) {
  return ConnectOrThrow(config.postgres.conninfo, purpose, "postgres.conninfo");
}

postgres::blocking::SyncConnection ConnectOrThrow(const std::string& conninfo,
                                                  const std::string& purpose,
                                                  const std::string& where) {
  return ValueOrThrow(postgres::blocking::SyncConnection::Open(conninfo, purpose), where);
}

postgres::blocking::SyncRows QueryOrThrow(
    postgres::blocking::SyncConnection& connection, const std::string& sql,
    const std::vector<postgres::blocking::SyncParam>& params) {
  auto rows = connection.Query(sql, params);
  if (!rows) throw ToUserError(rows.error(), "PostgreSQL");
  return std::move(*rows);
}

}  // namespace usage_ingest::assembly
