#include "daemon/assembly/database_access.h"

namespace usage_ingest::assembly {
namespace {

// Source: PostgreSQL 15 manual, appendix A.
constexpr std::string_view kInsufficientPrivilege = "42501";
constexpr std::string_view kUndefinedTable = "42P01";
constexpr std::string_view kUndefinedSchema = "3F000";
constexpr std::string_view kUndefinedColumn = "42703";

text::ExitCode CodeFor(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
    case ErrorCode::kConflict:
    case ErrorCode::kIndeterminate:
    case ErrorCode::kShuttingDown:
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

}  // namespace

text::UserError ToUserError(const Error& error, const std::string& where,
                            const std::string& sqlstate) {
  if (sqlstate == kInsufficientPrivilege) {
    return {
        text::ExitCode::kPermission,
        {error.context, where,
         "run it as the owner, or grant what `usage-ingestd migrate --print-grants ROLE` says"}};
  }
  if (sqlstate == kUndefinedTable || sqlstate == kUndefinedSchema || sqlstate == kUndefinedColumn) {
    return {text::ExitCode::kConfig,
            {error.context, where, "run `usage-ingestd migrate` as the owner"}};
  }
  const text::ExitCode code = CodeFor(error.code);
  return {code,
          {error.context, where,
           code == text::ExitCode::kUnavailable ? "try again when it is back" : std::string()}};
}

postgres::blocking::SyncConnection ConnectOrThrow(const config::Config& config,
                                                  const std::string& purpose) {
  return ValueOrThrow(postgres::blocking::SyncConnection::Open(config.postgres.conninfo, purpose),
                      "postgres.conninfo");
}

postgres::blocking::SyncRows QueryOrThrow(
    postgres::blocking::SyncConnection& connection, const std::string& sql,
    const std::vector<postgres::blocking::SyncParam>& params) {
  auto rows = connection.Query(sql, params);
  if (!rows) throw ToUserError(rows.error(), "PostgreSQL", connection.last_sqlstate());
  return std::move(*rows);
}

}  // namespace usage_ingest::assembly
