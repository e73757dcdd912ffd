#include "daemon/assembly/connect_advice.h"

#include <algorithm>
#include <array>

namespace usage_ingest::assembly {
namespace {

using text::ExitCode;

struct Cause {
  std::string_view part;  // of the message
  ConnectAdvice advice;
};

constexpr ConnectAdvice kNoService = {
    ExitCode::kConfig,
    "put the section into the service file that PGSERVICEFILE names; the package's file is "
    "/etc/usage-ingestd/pg_service.conf, which only root can read: run it with sudo"};
constexpr ConnectAdvice kNoPassword = {
    ExitCode::kPermission,
    "add password= to the service file that PGSERVICEFILE names (a PGPASSFILE that a group may "
    "read, as in a volume of Kubernetes, is ignored); the package's file is "
    "/etc/usage-ingestd/pg_service.conf, which only root can read: run it with sudo"};
constexpr ConnectAdvice kWrongPassword = {
    ExitCode::kPermission,
    "correct the password in the service file (/etc/usage-ingestd/pg_service.conf) and run "
    "`systemctl restart usage-ingestd`, or set it in the database: ALTER ROLE ... PASSWORD '...'"};
constexpr ConnectAdvice kNoRole = {
    ExitCode::kPermission,
    "correct user= in postgres.conninfo, or create the role: CREATE ROLE "
    "... LOGIN"};
constexpr ConnectAdvice kNoUser = {ExitCode::kConfig,
                                   "add user= to postgres.conninfo, or to the section of its "
                                   "service: this user id has no name"};
constexpr ConnectAdvice kNoAccess = {
    ExitCode::kPermission,
    "allow this user, database and address in pg_hba.conf, then reload PostgreSQL"};
constexpr ConnectAdvice kNoConnectGrant = {
    ExitCode::kPermission,
    "GRANT CONNECT ON DATABASE ... TO ..., as `usage-ingestd migrate "
    "--print-grants ROLE` says"};
constexpr ConnectAdvice kNoDatabase = {
    ExitCode::kConfig, "correct dbname= in postgres.conninfo; `psql --list` shows the databases"};
constexpr ConnectAdvice kNoHost = {ExitCode::kConfig,
                                   "correct host= in postgres.conninfo: no such name is in DNS"};
constexpr ConnectAdvice kTls = {
    ExitCode::kConfig, "correct sslmode, sslrootcert, sslcert and sslkey in postgres.conninfo"};
constexpr ConnectAdvice kNoServer = {
    ExitCode::kUnavailable, "start PostgreSQL, or correct host= and port= in postgres.conninfo"};
constexpr ConnectAdvice kNoAnswer = {
    ExitCode::kUnavailable, "correct host= and port= in postgres.conninfo, or open the firewall"};
constexpr ConnectAdvice kPooler = {
    ExitCode::kConfig, "connect to PostgreSQL itself, or to a pool with pool_mode = session"};
constexpr ConnectAdvice kFull = {ExitCode::kUnavailable,
                                 "increase max_connections of PostgreSQL, or end other sessions"};
constexpr ConnectAdvice kBusy = {ExitCode::kUnavailable, "try again when it is back"};
constexpr ConnectAdvice kUnknown = {
    ExitCode::kUnavailable, "correct postgres.conninfo, or try again when PostgreSQL is back"};

// The first that matches: what the server refused says more than a host that did not answer.
constexpr std::array kCauses = std::to_array<Cause>({
    {"transaction pooling", kPooler},
    {"transaction blocks not allowed in statement pooling mode", kPooler},
    {"too many connections", kFull},
    {"too many clients", kFull},
    {"connection slots", kFull},
    {"definition of service", kNoService},
    {"service file", kNoService},
    {"local user ID", kNoUser},
    {"no password supplied", kNoPassword},
    {"password authentication failed", kWrongPassword},
    {"is not permitted to log in", kNoRole},
    {"permission denied for database", kNoConnectGrant},
    {"pg_hba.conf", kNoAccess},
    {"Peer authentication failed", kNoAccess},
    {"authentication failed", kWrongPassword},
    {"role \"", kNoRole},
    {"database \"", kNoDatabase},
    {"Temporary failure in name resolution", kNoAnswer},
    {"could not translate host name", kNoHost},
    {"certificate", kTls},
    {"SSL", kTls},
    {"private key", kTls},
    {"the database system is", kBusy},
    {"Connection refused", kNoServer},
    {"No such file or directory", kNoServer},
    {"timeout expired", kNoAnswer},
    {"No route to host", kNoAnswer},
    {"unreachable", kNoAnswer},
    {"no answer in time", kNoAnswer},
    {"terminating connection", kBusy},
    {"closed the connection", kBusy},
});

}  // namespace

ConnectAdvice AdviseOnConnect(std::string_view message) {
  const auto* const found = std::ranges::find_if(kCauses, [&](const Cause& cause) {
    return message.find(cause.part) != std::string_view::npos;
  });
  return found == kCauses.end() ? kUnknown : found->advice;
}

}  // namespace usage_ingest::assembly
