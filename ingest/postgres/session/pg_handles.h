#pragma once
// Owners of libpq's handles. No other code calls PQfinish or PQclear.
#include <libpq-fe.h>

#include <memory>

namespace usage_ingest::postgres::session {

struct PgConnDeleter {
  void operator()(PGconn* connection) const noexcept { PQfinish(connection); }
};
using PgConn = std::unique_ptr<PGconn, PgConnDeleter>;

struct PgResultDeleter {
  void operator()(PGresult* result) const noexcept { PQclear(result); }
};
using PgResult = std::unique_ptr<PGresult, PgResultDeleter>;

}  // namespace usage_ingest::postgres::session
