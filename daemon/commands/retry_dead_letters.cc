// `dead-letters retry`: dead letters through the pipeline again, in this process.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>

#include "daemon/assembly/component_options.h"
#include "daemon/assembly/database_access.h"
#include "daemon/commands/verbs.h"
#include "daemon/replay/replay_observer.h"
#include "daemon/replay/replay_result.h"
#include "ingest/postgres/background/dead_letter_retrier.h"

namespace usage_ingest::commands {

int RetryDeadLetters(const config::Config& config, const DeadLetterOptions& options) {
  boost::asio::io_context io{1};
  pipeline::SystemClock clock;
  replay::ReplayObserver observer;
  postgres::background::DeadLetterRetrier retrier(assembly::StoreOptionsFor(config, "dead-letters"),
                                                  assembly::DecoderOptionsFor(config), observer,
                                                  {io.get_executor(), clock});
  postgres::background::DeadLetterSelection selection;
  selection.reason = options.reason;
  selection.ids = options.ids;
  if (options.since) selection.first_seen_since = *options.since;

  std::optional<Result<postgres::background::RetryReport>> retried;
  boost::asio::co_spawn(
      io, retrier.Retry(selection),
      [&](const std::exception_ptr& bug, Result<postgres::background::RetryReport> result) {
        if (bug) std::rethrow_exception(bug);
        retried = std::move(result);
      });
  io.run();
  replay::PrintReplayReport(
      {assembly::ValueOrThrow(std::move(*retried), "PostgreSQL").outcomes, false}, options.json);
  return text::ToInt(text::ExitCode::kOk);
}

}  // namespace usage_ingest::commands
