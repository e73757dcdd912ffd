// `dead-letters retry`: dead letters through the pipeline again, in this process.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>

#include "daemon/replay_observer.h"
#include "daemon/replay_result.h"
#include "daemon/verb_support.h"
#include "daemon/verbs.h"
#include "daemon/wiring_options.h"
#include "ingest/postgres/dead_letter_retrier.h"

namespace usage_ingest::daemon {

int RetryDeadLetters(const Config& config, const DeadLetterOptions& options) {
  boost::asio::io_context io{1};
  ingest::SystemClock clock;
  ReplayObserver observer;
  ingest::DeadLetterRetrier retrier(StoreOptionsFor(config, "dead-letters"),
                                    DecoderOptionsFor(config), observer,
                                    {io.get_executor(), clock});
  ingest::DeadLetterSelection selection;
  selection.reason = options.reason;
  selection.ids = options.ids;
  if (options.since) selection.first_seen_since = *options.since;

  std::optional<Result<ingest::RetryReport>> retried;
  boost::asio::co_spawn(io, retrier.Retry(selection),
                        [&](const std::exception_ptr& bug, Result<ingest::RetryReport> result) {
                          if (bug) std::rethrow_exception(bug);
                          retried = std::move(result);
                        });
  io.run();
  PrintReplayReport({ValueOrThrow(std::move(*retried), "PostgreSQL").outcomes, false},
                    options.json);
  return ToInt(ExitCode::kOk);
}

}  // namespace usage_ingest::daemon
