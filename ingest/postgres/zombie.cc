#include "ingest/postgres/zombie.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "ingest/postgres/async_connection.h"
#include "schema/limits.h"

namespace usage_ingest::ingest {
namespace {

using std::chrono::milliseconds;

// Twice within lock_timeout, so that each wait of the watched session is seen.
constexpr auto kLookInterval = milliseconds(100);
static_assert(2 * kLookInterval < limits::kLockTimeout);
constexpr int kLooksMax = 100;

// A zombie is one of us that the server has been waiting for (28.2.3: "ClientRead", "ClientWrite")
// in a transaction begun long ago; who is merely slower than us is let alone.
constexpr const char* kEndBlockers =
    "SELECT pg_terminate_backend(a.pid) FROM unnest(pg_blocking_pids($1::int8::int4)) AS b(pid) "
    "JOIN pg_stat_activity a ON a.pid = b.pid "
    "WHERE a.usename = current_user AND a.application_name LIKE 'usage-ingestd/%' "
    "AND a.wait_event_type = 'Client' AND a.xact_start < clock_timestamp() - interval '3 s'";
static_assert(limits::kZombieBlocksMax == std::chrono::seconds(3));

}  // namespace

std::shared_ptr<ZombieWatch> ZombieWatch::Start(boost::asio::any_io_executor executor,
                                                std::string conninfo, int waiting_pid) {
  auto watch = std::make_shared<ZombieWatch>();
  boost::asio::co_spawn(executor, watch->Run(executor, std::move(conninfo), waiting_pid),
                        [watch](const std::exception_ptr& bug) {
                          if (bug) std::rethrow_exception(bug);
                        });
  return watch;
}

Task<> ZombieWatch::Run(boost::asio::any_io_executor executor, std::string conninfo,
                        int waiting_pid) {
  AsyncConnection connection(executor, std::move(conninfo), "usage-ingestd/zombie-watch");
  const Result<> connected = co_await connection.Connect();
  if (!connected) co_return;
  for (int look = 0; look < kLooksMax && !stopped_; ++look) {
    boost::asio::steady_timer next_look(executor, kLookInterval);
    co_await next_look.async_wait(boost::asio::use_awaitable);
    if (stopped_) co_return;
    Statement statement{kEndBlockers, {}};
    statement.params.Add(std::int64_t{waiting_pid});
    const Result<PgResult> ended = co_await connection.Execute(statement);
    if (!ended) co_return;
  }
}

}  // namespace usage_ingest::ingest
