#include "ingest/postgres/session/session_setup.h"

#include <utility>

#include "ingest/postgres/session/untrusted_roles.h"
#include "schema/limits.h"

namespace usage_ingest::postgres::session {
namespace {

using std::chrono::milliseconds;

// What a statement means, and how values are written as text.
constexpr const char* kMeaning =
    "SET client_encoding = 'UTF8'; "
    "SET standard_conforming_strings = on; "
    "SET search_path = pg_catalog, pg_temp; "
    "SET TimeZone = 'UTC'; "
    "SET DateStyle = 'ISO, YMD'; "
    "SET IntervalStyle = 'postgres'; "
    "SET bytea_output = 'hex'; "
    "SET quote_all_identifiers = off; "
    "SET default_transaction_isolation = 'read committed'; "
    "SET default_transaction_read_only = off; "
    // A row that is hidden from us would be counted wrongly: an error instead of fewer rows.
    "SET row_security = off; "
    // A role or database may have another default, and then foreign keys and triggers are silent.
    "SELECT pg_catalog.set_config('session_replication_role', 'origin', false) "
    "WHERE pg_catalog.current_setting('session_replication_role') = 'replica'; "
    "SET client_min_messages = 'warning'; "
    // A batch's statements are short, and compiling them costs more than running them.
    "SET jit = off; ";

// Triggers that are not ours may rely on schema public, so it is searched where it is safe.
std::string SearchPublicIfSafe() {
  return "SELECT pg_catalog.set_config('search_path', 'public, pg_temp', false) "
         "WHERE NOT EXISTS (" +
         std::string(kUntrustedRoles) + "); ";
}

// SET would fail for a role that may not set it.
constexpr const char* kUntranslatedMessages =
    "SELECT pg_catalog.set_config('lc_messages', 'C', false) FROM pg_catalog.pg_roles "
    "WHERE rolname = current_user AND rolsuper; ";
constexpr const char* kAskLanguage = "SELECT pg_catalog.current_setting('lc_messages')";

std::string Set(std::string_view name, milliseconds value,
                SettingScope scope = SettingScope::kSession) {
  return std::string("SET ") + (scope == SettingScope::kTransaction ? "LOCAL " : "") +
         std::string(name) + " = '" + std::to_string(value.count()) + "ms'";
}

}  // namespace

// Keep-alives notice within 7 s that a server is gone while nothing is sent (3 + 2 * 2). The last
// keywords are those of one server.
ConnectKeywords::ConnectKeywords(std::string conninfo, std::string application_name, Server server)
    : conninfo_(std::move(conninfo)),
      application_name_(std::move(application_name)),
      server_(std::move(server)),
      tcp_user_timeout_ms_(std::to_string(limits::kTcpUserTimeout / milliseconds(1))),
      keywords_{"tcp_user_timeout",
                "keepalives_idle",
                "keepalives_interval",
                "keepalives_count",
                "dbname",
                "application_name",
                nullptr},
      values_{tcp_user_timeout_ms_.c_str(), "3",    "2", "2", conninfo_.c_str(),
              application_name_.c_str(),    nullptr} {
  std::size_t at = 6;
  const auto add = [&](const char* keyword, const std::string& value) {
    if (value.empty()) return;
    keywords_.at(at) = keyword;
    values_.at(at++) = value.c_str();
  };
  add("host", server_.host);
  add("hostaddr", server_.address);
  add("port", server_.port);
}

std::string SessionSetUp(SessionUse use) {
  const bool is_lane = use == SessionUse::kLane;
  const milliseconds none{0};
  return kMeaning + Set("lock_timeout", is_lane ? limits::kLockTimeout : none) + "; " +
         Set("statement_timeout", is_lane ? limits::kStatementTimeout : none) + "; " +
         Set("idle_in_transaction_session_timeout", limits::kIdleInTransactionTimeout) + "; " +
         SearchPublicIfSafe() + kUntranslatedMessages + kAskLanguage;
}

MessageLanguage LanguageOf(std::string_view lc_messages) {
  const bool is_english = lc_messages == "C" || lc_messages == "POSIX" ||
                          lc_messages.starts_with("C.") || lc_messages.starts_with("en_") ||
                          lc_messages.starts_with("en-") || lc_messages.starts_with("English");
  return is_english ? MessageLanguage::kEnglish : MessageLanguage::kUnknown;
}

std::string SetLockTimeout(milliseconds timeout, SettingScope scope) {
  return Set("lock_timeout", timeout, scope);
}

std::string SetStatementTimeout(milliseconds timeout) { return Set("statement_timeout", timeout); }

}  // namespace usage_ingest::postgres::session
