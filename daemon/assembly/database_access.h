#pragma once
// Access to PostgreSQL for commands: a session, and errors of PostgreSQL and Kafka as errors for a
// person.
#include <string>
#include <string_view>
#include <utility>

#include "daemon/config/config.h"
#include "daemon/text/user_error.h"
#include "ingest/postgres/blocking/sync_connection.h"
#include "schema/error.h"

namespace usage_ingest::assembly {

// Makes a command one of the owner's, where the manual's installation was followed; the same as
// usage-ingestd-retain.service has.
inline constexpr std::string_view kOwnerEnvironment =
    "PGSERVICEFILE=/etc/usage-ingestd/owner_service.conf "
    "USAGE_INGEST_POSTGRES_CONNINFO=service=litemaas_owner";

[[nodiscard]] text::UserError ToUserError(const Error& error, const std::string& where);
[[nodiscard]] text::UserError KafkaToUserError(const Error& error);

// The value, or throws UserError.
template <class T>
T ValueOrThrow(Result<T> result, const std::string& where) {
  if (!result) throw ToUserError(result.error(), where);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}
template <class T>
T KafkaValueOrThrow(Result<T> result) {
  if (!result) throw KafkaToUserError(result.error());
  return std::move(*result);
}

// A session for one command, or throws UserError (69, 77, 78, 130).
[[nodiscard]] postgres::blocking::SyncConnection ConnectOrThrow(const config::Config& config,
                                                                const std::string& purpose);
// The same with a conninfo that is not of the configuration; `where` says of what it is.
[[nodiscard]] postgres::blocking::SyncConnection ConnectOrThrow(const std::string& conninfo,
                                                                const std::string& purpose,
                                                                const std::string& where);
[[nodiscard]] postgres::blocking::SyncRows QueryOrThrow(
    postgres::blocking::SyncConnection& connection, const std::string& sql,
    const std::vector<postgres::blocking::SyncParam>& params = {});

}  // namespace usage_ingest::assembly
