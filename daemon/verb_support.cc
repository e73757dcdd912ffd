#include "daemon/verb_support.h"

namespace usage_ingest::daemon {
namespace {

// Source: PostgreSQL 15 manual, appendix A.
constexpr std::string_view kInsufficientPrivilege = "42501";
constexpr std::string_view kUndefinedTable = "42P01";
constexpr std::string_view kUndefinedSchema = "3F000";
constexpr std::string_view kUndefinedColumn = "42703";

ExitCode CodeFor(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kConflict:
    case ErrorCode::kIndeterminate:
    case ErrorCode::kShuttingDown:
    case ErrorCode::kFenced:
    case ErrorCode::kRecordGone:
      return ExitCode::kUnavailable;
    case ErrorCode::kFatal:
    case ErrorCode::kMissingPartition:
      return ExitCode::kConfig;
    case ErrorCode::kBadRecord:
    case ErrorCode::kDuplicateRow:
      return ExitCode::kBadInput;
    case ErrorCode::kLimitExceeded:
      return ExitCode::kInternal;
  }
  return ExitCode::kInternal;
}

}  // namespace

UserError ToUserError(const Error& error, const std::string& where, const std::string& sqlstate) {
  if (sqlstate == kInsufficientPrivilege) {
    return {
        ExitCode::kPermission,
        {error.context, where,
         "run it as the owner, or grant what `usage-ingestd migrate --print-grants ROLE` says"}};
  }
  if (sqlstate == kUndefinedTable || sqlstate == kUndefinedSchema || sqlstate == kUndefinedColumn) {
    return {ExitCode::kConfig, {error.context, where, "run `usage-ingestd migrate` as the owner"}};
  }
  const ExitCode code = CodeFor(error.code);
  return {code,
          {error.context, where,
           code == ExitCode::kUnavailable ? "try again when it is back" : std::string()}};
}

ingest::SyncConnection ConnectOrThrow(const Config& config, const std::string& purpose) {
  return ValueOrThrow(ingest::SyncConnection::Open(config.postgres.conninfo, purpose),
                      "postgres.conninfo");
}

ingest::SyncRows QueryOrThrow(ingest::SyncConnection& connection, const std::string& sql,
                              const std::vector<ingest::SyncParam>& params) {
  auto rows = connection.Query(sql, params);
  if (!rows) throw ToUserError(rows.error(), "PostgreSQL", connection.last_sqlstate());
  return std::move(*rows);
}

}  // namespace usage_ingest::daemon
