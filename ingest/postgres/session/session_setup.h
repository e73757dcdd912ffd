#pragma once
// SessionSetUp: the settings that every session of the daemon and of its commands relies on.
//
// Roles, databases, conninfos and poolers may set anything. So each session sets everything that
// changes what a statement means or how its answer is written, and a statement means the same in a
// lane, in the background and in a command.
//
// search_path   `public, pg_temp`. pg_catalog is searched first because it is not named, and it is
//               not named because the migrations create objects in the first schema that is.
//               `pg_catalog, pg_temp` where untrusted_roles.h finds one: our statements name the
//               schema of each table.
// Source        PostgreSQL 15 manual, 5.9.5 "Schemas and the System Catalog Schema" and chapter 20.
#include <array>
#include <chrono>
#include <string>
#include <string_view>

#include "ingest/postgres/session/connect_plan.h"
#include "ingest/postgres/session/sqlstate.h"

namespace usage_ingest::postgres::session {

// What PQconnectStartParams and PQconnectdbParams get, with expand_dbname = 1. The conninfo
// overrides the keywords before it, and the application name overrides the conninfo (34.1.1: the
// last value of a repeated keyword is used), since stalled_session_watch.h finds our sessions by
// it. connect_timeout is left to conninfo, service file and environment: connect_plan.h has the
// default.
class ConnectKeywords {
 public:
  // `server`: of those that the conninfo names, the one to connect to; empty: all of them.
  ConnectKeywords(std::string conninfo, std::string application_name, Server server = {});
  ConnectKeywords(const ConnectKeywords&) = delete;
  ConnectKeywords& operator=(const ConnectKeywords&) = delete;

  [[nodiscard]] const char* const* keywords() const { return keywords_.data(); }
  [[nodiscard]] const char* const* values() const { return values_.data(); }

 private:
  std::string conninfo_;
  std::string application_name_;
  Server server_;
  std::string tcp_user_timeout_ms_;
  std::array<const char*, 10> keywords_;
  std::array<const char*, 10> values_;
};

enum class SessionUse : unsigned char {
  kLane,     // also background work: a statement is short, and must not hold a thread for long
  kCommand,  // a statement may take hours (CREATE INDEX); locks have time-outs where they matter
};

// Statements for one round trip; the last one answers a row: lc_messages.
[[nodiscard]] std::string SessionSetUp(SessionUse use);

// `lc_messages` as the session has it. Only a superuser may set it, so it may stay a language that
// is not known here.
[[nodiscard]] MessageLanguage LanguageOf(std::string_view lc_messages);

enum class SettingScope : unsigned char { kTransaction, kSession };
// SET LOCAL lock_timeout, or SET lock_timeout. Zero: no time-out.
[[nodiscard]] std::string SetLockTimeout(std::chrono::milliseconds timeout,
                                         SettingScope scope = SettingScope::kTransaction);
// SET statement_timeout. Zero: no time-out.
[[nodiscard]] std::string SetStatementTimeout(std::chrono::milliseconds timeout);

}  // namespace usage_ingest::postgres::session
