// The table from SQLSTATE to what the caller must do, a case a line.
#include "ingest/postgres/session/sqlstate.h"

#include <gtest/gtest.h>

namespace usage_ingest::postgres::session {
namespace {

struct Case {
  const char* sqlstate;
  const char* what;  // PostgreSQL 15 manual, appendix A
  ErrorCode from_rows;
  ErrorCode from_others;
};

constexpr auto kUnavailable = ErrorCode::kUnavailable;
constexpr auto kConflict = ErrorCode::kConflict;
constexpr auto kFatal = ErrorCode::kFatal;
constexpr auto kBadRecord = ErrorCode::kBadRecord;
constexpr auto kRejected = ErrorCode::kRejected;
constexpr auto kTooLarge = ErrorCode::kTooLarge;

constexpr Case kCases[] = {
    {"", "made by libpq: no answer at all", kUnavailable, kUnavailable},
    {"08000", "connection_exception", kUnavailable, kUnavailable},
    {"08006", "connection_failure", kUnavailable, kUnavailable},
    {"08P01", "protocol_violation", kUnavailable, kUnavailable},
    {"25006", "read_only_sql_transaction: a standby", kUnavailable, kUnavailable},
    {"25P02", "in_failed_sql_transaction", kUnavailable, kUnavailable},
    {"25P03", "idle_in_transaction_session_timeout", kUnavailable, kUnavailable},
    {"40001", "serialization_failure", kConflict, kConflict},
    {"40P01", "deadlock_detected", kConflict, kConflict},
    {"53100", "disk_full", kUnavailable, kUnavailable},
    {"53200", "out_of_memory: also the table of locks", kTooLarge, kTooLarge},
    {"53400", "configuration_limit_exceeded: temp_file_limit", kTooLarge, kTooLarge},
    {"53300", "too_many_connections", kUnavailable, kUnavailable},
    {"55006", "object_in_use", kUnavailable, kUnavailable},
    {"55P03", "lock_not_available: our lock_timeout", kConflict, kConflict},
    {"57014", "query_canceled: statement_timeout", kTooLarge, kTooLarge},
    {"57P01", "admin_shutdown: pg_terminate_backend", kUnavailable, kUnavailable},
    {"57P02", "crash_shutdown", kUnavailable, kUnavailable},
    {"57P03", "cannot_connect_now: starting up", kUnavailable, kUnavailable},
    {"58030", "io_error", kUnavailable, kUnavailable},
    {"0A000", "cached plan must not change result type", kUnavailable, kUnavailable},
    // Data: a row's own fault only where rows are inserted. Elsewhere the rows are good: held.
    {"22001", "string_data_right_truncation", kBadRecord, kUnavailable},
    {"22003", "numeric_value_out_of_range", kBadRecord, kUnavailable},
    {"22021", "character_not_in_repertoire", kBadRecord, kUnavailable},
    {"22P02", "invalid_text_representation", kBadRecord, kUnavailable},
    {"23502", "not_null_violation", kBadRecord, kUnavailable},
    {"54000", "program_limit_exceeded: too long for an index", kBadRecord, kUnavailable},
    {"23503", "foreign_key_violation: of another program", kRejected, kUnavailable},
    {"P0001", "raise_exception", kRejected, kUnavailable},
    {"23514", "no partition of relation found for row", ErrorCode::kMissingPartition, kUnavailable},
    // Nothing that waiting mends.
    {"28P01", "invalid_password", kFatal, kFatal},
    {"3D000", "invalid_catalog_name", kFatal, kFatal},
    {"42501", "insufficient_privilege", kFatal, kFatal},
    {"42703", "undefined_column", kFatal, kFatal},
    {"42P01", "undefined_table", kFatal, kFatal},
};

TEST(SqlstateTest, SaysWhatTheCallerMustDoByWhereItWasRaised) {
  for (const Case& each : kCases) {
    EXPECT_EQ(Classify(each.sqlstate, "", SqlStep::kCopy), each.from_rows) << each.what;
    EXPECT_EQ(Classify(each.sqlstate, "", SqlStep::kInsert), each.from_rows) << each.what;
    EXPECT_EQ(Classify(each.sqlstate, "", SqlStep::kOther), each.from_others) << each.what;
  }
}

// COPY cannot tell our key from another unique index. The staged insert skips duplicates of our
// key.
TEST(SqlstateTest, ADuplicateIsOneOfOurKeyOnly) {
  EXPECT_EQ(Classify("23505", "usage_logs_pkey", SqlStep::kCopy), ErrorCode::kDuplicateRow);
  EXPECT_EQ(Classify("23505", "theirs", SqlStep::kInsert), kBadRecord);
}

// Citus gives an error of a worker in COPY this code, whatever it was. The staged insert tells.
TEST(SqlstateTest, AnInternalErrorInCopyMayBeOfARow) {
  EXPECT_EQ(Classify("XX000", "", SqlStep::kCopy), ErrorCode::kDuplicateRow);
  for (const SqlStep step : {SqlStep::kInsert, SqlStep::kSums, SqlStep::kOther}) {
    EXPECT_EQ(Classify("XX000", "", step), kUnavailable);
  }
}

// Sums that are refused are the fault of some rows; a failure that passes is the fault of none.
TEST(SqlstateTest, SumsAreRefusedByDataAndByOtherCode) {
  for (const char* data : {"22003", "23514", "21000", "P0001", "54000"}) {
    EXPECT_EQ(Classify(data, "", SqlStep::kSums), kRejected) << data;
  }
  for (const char* broken : {"42703", "42P01", "LM001", "XX000", "0A000", "22012"}) {
    for (const SqlStep step : {SqlStep::kCopy, SqlStep::kInsert, SqlStep::kSums}) {
      EXPECT_EQ(Classify(broken, "", step, /*is_of_other_code=*/true), kRejected) << broken;
    }
  }
  for (const char* passing : {"40P01", "55P03", "53100", "25006", "57P01", "08006", "58030"}) {
    EXPECT_NE(Classify(passing, "", SqlStep::kSums, /*is_of_other_code=*/true), kRejected)
        << passing;
  }
}

TEST(SqlstateTest, ACheckThatHasANameIsARowsOwnFault) {
  EXPECT_EQ(Classify("23514", "tokens_are_positive", SqlStep::kCopy), ErrorCode::kBadRecord);
}

// What is no class of PostgreSQL's own, such as RAISE … USING ERRCODE = 'LM001' of a trigger.
TEST(SqlstateTest, AnUnknownClassEndsWithItsMessage) {
  EXPECT_EQ(Classify("LM001", "", SqlStep::kCopy), ErrorCode::kFatal);
}

struct ContextCase {
  const char* context;
  const char* what;
  bool in_copy;            // English messages
  bool in_copy_elsewhere;  // a language that is not known
  bool in_insert;          // any language
};

// PG_DIAG_CONTEXT as PostgreSQL 15 sends it, in English and in French.
constexpr ContextCase kContexts[] = {
    {"", "the row, in an INSERT", false, false, false},
    {"COPY usage_logs, line 3, column metadata", "the row", false, false, true},
    {"COPY usage_logs, ligne 3", "the row", false, false, true},
    {"PL/pgSQL function refuse() line 1 at RAISE\nCOPY usage_logs, line 1", "BEFORE trigger", true,
     true, true},
    {"fonction PL/pgSQL refuse(), ligne 1 \u00e0 RAISE\nCOPY usage_logs, ligne 1", "BEFORE trigger",
     false, true, true},
    {"SQL statement \"SELECT 1/0\"\nPL/pgSQL function refuse() line 1 at PERFORM",
     "statement of an AFTER trigger", true, true, true},
    {"PL/pgSQL function refuse() line 1 at RAISE", "AFTER trigger", true, false, true},
    {"while executing command on 127.0.0.1:5432", "the row, on a worker", false, false, false},
    {"fonction PL/pgSQL refuse(), ligne 1 \u00e0 RAISE", "AFTER trigger", false, false, true},
};

TEST(SqlstateTest, TellsOtherCodeFromTheRowWithoutReadingATranslation) {
  constexpr auto kEnglish = MessageLanguage::kEnglish;
  constexpr auto kUnknown = MessageLanguage::kUnknown;
  for (const ContextCase& each : kContexts) {
    if (!std::string_view(each.context).starts_with("fonction")) {
      EXPECT_EQ(IsRaisedByOtherCode(each.context, SqlStep::kCopy, kEnglish), each.in_copy)
          << each.context;
    }
    EXPECT_EQ(IsRaisedByOtherCode(each.context, SqlStep::kCopy, kUnknown), each.in_copy_elsewhere)
        << each.context;
    EXPECT_EQ(IsRaisedByOtherCode(each.context, SqlStep::kInsert, kUnknown), each.in_insert)
        << each.context;
    EXPECT_EQ(IsRaisedByOtherCode(each.context, SqlStep::kInsert, kEnglish), each.in_insert)
        << each.context;
  }
}

}  // namespace
}  // namespace usage_ingest::postgres::session
