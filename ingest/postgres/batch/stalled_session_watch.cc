#include "ingest/postgres/batch/stalled_session_watch.h"

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <utility>

#include "ingest/postgres/session/async_connection.h"
#include "schema/limits.h"

namespace usage_ingest::postgres::batch {
namespace {

using std::chrono::milliseconds;

// Twice within lock_timeout, so that each wait of the blocked session is seen.
constexpr auto kLookInterval = milliseconds(100);
static_assert(2 * kLookInterval < limits::kLockTimeout);
static_assert(limits::kStalledTurnBlocksMax + limits::kStalledSilentMax + 5 * kLookInterval <
              limits::kLockTimeoutBlocked);
constexpr int kLooksMax = 100;

// The one watch of this process that has a session.
std::atomic<bool> has_session{false};
struct SessionEnd {
  SessionEnd() = default;
  ~SessionEnd() { has_session = false; }
  SessionEnd(const SessionEnd&) = delete;
  SessionEnd& operator=(const SessionEnd&) = delete;
};

// The daemon's sessions that block $1 and whose client the server waits for (28.2.3: "ClientRead",
// "ClientWrite"), with how far they have come (28.2.3 state_change, 28.4.6 bytes_processed).
constexpr const char* kBlockers =
    "SELECT a.pid::int8, coalesce(p.bytes_processed, 0), "
    "(extract(epoch FROM a.state_change) * 1000000)::int8 "
    "FROM unnest(pg_blocking_pids($1::int8::int4)) AS b(pid) "
    "JOIN pg_stat_activity a ON a.pid = b.pid "
    "LEFT JOIN pg_stat_progress_copy p ON p.pid = a.pid "
    "WHERE a.usename = current_user AND a.application_name LIKE 'usage-ingestd/%' "
    "AND a.wait_event_type = 'Client'";
constexpr const char* kEnd = "SELECT pg_terminate_backend($1::int8::int4)";

}  // namespace

std::shared_ptr<StalledSessionWatch> StalledSessionWatch::Start(
    const boost::asio::any_io_executor& executor, Options options) {
  auto watch = std::make_shared<StalledSessionWatch>(executor);
  boost::asio::co_spawn(executor, watch->Watch(std::move(options)),
                        [watch](const std::exception_ptr& bug) {
                          watch->has_ended_ = true;
                          if (bug) std::rethrow_exception(bug);
                        });
  return watch;
}

void StalledSessionWatch::Stop() {
  stopped_ = true;
  timer_.cancel();
}

pipeline::Task<> StalledSessionWatch::Watch(Options options) {
  const bool is_blocked = co_await Wait(options.start_after);
  if (!is_blocked) co_return;
  while (has_session.exchange(true)) {
    const bool is_still_blocked = co_await Wait(kLookInterval);
    if (!is_still_blocked) co_return;
  }
  const SessionEnd end;
  session::AsyncConnection connection(timer_.get_executor(), options.conninfo,
                                      "usage-ingestd/lock-watch");
  const Result<> connected = co_await connection.Connect();
  if (!connected) co_return;
  for (int look = 0; look < kLooksMax; ++look) {
    const bool is_still_blocked = co_await Wait(kLookInterval);
    if (!is_still_blocked) co_return;
    const Result<> looked = co_await Look(connection, options);
    if (!looked) co_return;
  }
}

pipeline::Task<bool> StalledSessionWatch::Wait(milliseconds duration) {
  if (stopped_) co_return false;
  timer_.expires_after(duration);
  co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  co_return !stopped_;
}

pipeline::Task<Result<>> StalledSessionWatch::Look(session::AsyncConnection& connection,
                                                   const Options& options) {
  session::Statement blockers{kBlockers, {}};
  blockers.params.Add(std::int64_t{options.waiting_pid});
  const Result<session::PgResult> found = co_await connection.Execute(blockers);
  if (!found) co_return std::unexpected(found.error());
  const auto now = std::chrono::steady_clock::now();
  // This process was, perhaps with its machine and so with the other process. A look on a busy
  // machine is late, but not as late.
  const bool was_stopped = last_look_ && now - *last_look_ > 2 * limits::kStalledSilentMax;
  last_look_ = now;
  for (int row = 0; row < PQntuples(found->get()); ++row) {
    const std::int64_t pid = session::Int64At(found->get(), row, 0);
    const Activity now_seen{session::Int64At(found->get(), row, 1),
                            session::Int64At(found->get(), row, 2), now};
    Activity& last_seen = options.activities->try_emplace(pid, now_seen).first->second;
    if (was_stopped || last_seen.copied_bytes != now_seen.copied_bytes ||
        last_seen.state_changed_us != now_seen.state_changed_us) {
      last_seen = now_seen;
    }
    if (stopped_ || now - last_seen.since < limits::kStalledSilentMax) continue;
    session::Statement end{kEnd, {}};
    end.params.Add(pid);
    const Result<session::PgResult> ended = co_await connection.Execute(end);
    if (!ended) co_return std::unexpected(ended.error());
  }
  co_return Result<>{};
}

}  // namespace usage_ingest::postgres::batch
