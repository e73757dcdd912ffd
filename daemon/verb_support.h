#pragma once
// Verb support: what the verbs share: errors of the pipeline as errors for a person, a session.
#include <string>
#include <utility>

#include "daemon/config.h"
#include "daemon/user_error.h"
#include "ingest/postgres/sync_connection.h"
#include "schema/error.h"

namespace usage_ingest::daemon {

[[nodiscard]] UserError ToUserError(const Error& error, const std::string& where,
                                    const std::string& sqlstate = {});

// The value, or throws UserError.
template <class T>
T ValueOrThrow(Result<T> result, const std::string& where) {
  if (!result) throw ToUserError(result.error(), where);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// PostgreSQL for one verb, or throws UserError (69, 77, 78).
[[nodiscard]] ingest::SyncConnection ConnectOrThrow(const Config& config,
                                                    const std::string& purpose);
[[nodiscard]] ingest::SyncRows QueryOrThrow(ingest::SyncConnection& connection,
                                            const std::string& sql,
                                            const std::vector<ingest::SyncParam>& params = {});

}  // namespace usage_ingest::daemon
