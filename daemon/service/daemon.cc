#include "daemon/service/daemon.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sysexits.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>
#include <memory>
#include <semaphore>
#include <string>
#include <string_view>
#include <thread>

#include "daemon/assembly/component_options.h"
#include "daemon/service/exit_deadline.h"
#include "daemon/service/observation.h"
#include "daemon/service/pipeline.h"
#include "daemon/service/signals.h"
#include "daemon/service/startup_probe.h"
#include "daemon/service/systemd_notify.h"
#include "daemon/telemetry/status_line.h"
#include "daemon/text/user_error.h"
#include "ingest/postgres/background/dead_letter_retrier.h"
#include "ingest/postgres/background/housekeeper.h"
#include "ingest/postgres/background/position_service.h"
#include "schema/limits.h"

namespace usage_ingest::service {
namespace {

using std::chrono::steady_clock;

// For services that write no usage, after shutdown.drain, which may be 0.
constexpr auto kServicesEndMax = std::chrono::seconds(1);

// No destructor runs: threads are in the middle of their work. Nothing is lost: what is not
// committed is read again.
[[noreturn]] void EndByForce(std::string_view why, int exit_code) {
  spdlog::warn("{}", why);
  spdlog::shutdown();
  std::_Exit(exit_code);
}

// The life of the process, on main's thread: wait for the database, run, drain, end.
class Daemon {
 public:
  Daemon(const config::Config& config, std::function<void()> reload);
  int Run();

 private:
  void StartProbe();
  void OnProbed(const postgres::probe::ProbeReport& report);
  void StartPipeline();
  void BlockReadiness(std::string_view why);
  void OnSignal();
  void Tick();
  static void CheckWatchdogPeriod();
  void FeedWatchdog();
  void Fail(const Error& error);
  void End(int exit_code);
  void StopServices();

  const config::Config& config_;
  boost::asio::io_context io_{1};
  pipeline::SystemClock clock_;
  pipeline::Runtime runtime_{io_.get_executor(), clock_};
  Signals signals_;
  boost::asio::steady_timer ticker_{io_};
  boost::asio::steady_timer watchdog_{io_};
  Observation observation_{config_, io_};
  pipeline::ConsumerInbox inbox_;
  postgres::background::PositionService positions_;
  postgres::background::DeadLetterRetrier retrier_;
  postgres::background::Housekeeper housekeeper_;
  Pipeline pipeline_{config_};
  std::jthread probe_;
  std::binary_semaphore ended_{0};  // for the stopper: io_ has nothing left to do
  std::jthread stopper_;            // waits for ended_, so it is joined before ended_ is destroyed
  bool ending_ = false;
  bool stopped_ = false;  // timers do not start again
  int exit_code_ = EX_OK;
};

postgres::background::HousekeeperOptions HousekeeperOptionsFor(const config::Config& config) {
  return {.conninfo = config.postgres.conninfo,
          .attribution_refresh = config.attribution.refresh,
          .retry_dead_letters = config.attribution.retry_dead_letters,
          .retry_for = config.attribution.retry_for,
          .dead_letters_keep = config.dead_letters_keep,
          .partitions = config.partitions,
          .has_quota_periods = config.quotas.has_periods,
          .fills_daily_usage_cache = config.litemaas.fills_daily_usage_cache};
}

Daemon::Daemon(const config::Config& config, std::function<void()> reload)
    : config_(config),
      signals_(io_, {[this] { OnSignal(); }, std::move(reload)}),
      positions_({config.postgres.conninfo, config.kafka.group_id}, inbox_, observation_, runtime_),
      retrier_(assembly::StoreOptionsFor(config, "dead-letters"),
               assembly::DecoderOptionsFor(config), observation_, runtime_),
      housekeeper_(
          HousekeeperOptionsFor(config), [this] { pipeline_.ExpireAttribution(); }, retrier_,
          observation_, runtime_) {}

int Daemon::Run() {
  CheckWatchdogPeriod();
  Tick();
  FeedWatchdog();
  StartProbe();
  SystemdNotify::Ready();
  io_.run();
  ended_.release();
  return exit_code_;
}

void Daemon::StartProbe() {
  BlockReadiness("the database has not been checked yet");
  probe_ = ProbeInThread(config_, {[this](const std::string& why) {
                                     observation_.On(pipeline::PostgresFailed{
                                         pipeline::PostgresErrorClass::kTransient, why});
                                     BlockReadiness("PostgreSQL: " + why);
                                   },
                                   [this](const postgres::probe::ProbeReport& report) {
                                     boost::asio::post(io_, [this, report] { OnProbed(report); });
                                   }});
}

void Daemon::BlockReadiness(std::string_view why) {
  observation_.On(pipeline::ReadinessBlocked{why});
}

void Daemon::OnProbed(const postgres::probe::ProbeReport& report) {
  if (ending_) return;
  for (const postgres::probe::Finding& finding : report.findings) {
    const bool is_fatal = finding.severity == postgres::probe::Severity::kFatal;
    spdlog::log(is_fatal ? spdlog::level::err : spdlog::level::warn, "{}", ToLine(finding));
  }
  if (!report.ok()) {
    spdlog::error("the database is not as it must be; nothing was written");
    End(EX_CONFIG);
    return;
  }
  StartPipeline();
}

void Daemon::StartPipeline() {
  BlockReadiness("");
  boost::asio::co_spawn(io_, positions_.Run(), boost::asio::detached);
  boost::asio::co_spawn(io_, housekeeper_.Run(), boost::asio::detached);
  const Result<> started = pipeline_.Start(
      {observation_, inbox_,
       [this](pipeline::PositionsRequest request) { positions_.Request(std::move(request)); },
       [this](const Error& error) { boost::asio::post(io_, [this, error] { Fail(error); }); }});
  if (!started) {
    Fail(started.error());
    return;
  }
  observation_.Watch(&pipeline_);
}

void Daemon::OnSignal() {
  if (ending_) {
    EndByForce("second signal: ending at once", EX_OK);
  }
  spdlog::info("stopping: finishing the running transactions");
  End(EX_OK);
}

void Daemon::Tick() {
  observation_.board().Sample();
  SystemdNotify::Status(telemetry::StatusLine(observation_.board().Snapshot()));
  ticker_.expires_after(telemetry::StatusBoard::kSamplePeriod);
  ticker_.async_wait([this](const boost::system::error_code& cancelled) {
    // Both: a timer that has fired cannot be cancelled, and io_ would never end.
    if (!cancelled && !stopped_) Tick();
  });
}

// A shorter one would end the process while a statement may still be answered.
void Daemon::CheckWatchdogPeriod() {
  const auto period = SystemdNotify::WatchdogPeriod();
  if (!period || *period >= limits::kWatchdogPeriodMin) return;
  const auto shortest =
      std::chrono::duration_cast<std::chrono::seconds>(limits::kWatchdogPeriodMin);
  throw text::UserError(
      text::ExitCode::kConfig,
      {.what = fmt::format(
           "WatchdogSec is {} ms, and a statement of PostgreSQL may take {} ms",
           *period / std::chrono::milliseconds(1),
           (limits::kStatementTimeout + limits::kReplyMargin) / std::chrono::milliseconds(1)),
       .where = "the systemd unit",
       .fix = fmt::format("set WatchdogSec={} or more", shortest.count())});
}

// Only progress feeds the watchdog, of systemd or of Kubernetes (/livez): it is there to end a
// process with a lane that hangs.
void Daemon::FeedWatchdog() {
  if (pipeline_.MadeProgress()) {
    observation_.NoteProgress();
    SystemdNotify::Watchdog();
  }
  watchdog_.expires_after(SystemdNotify::WatchdogPeriod().value_or(kProgressMax) / 3);
  watchdog_.async_wait([this](const boost::system::error_code& cancelled) {
    if (!cancelled && !stopped_) FeedWatchdog();
  });
}

void Daemon::Fail(const Error& error) {
  if (ending_) return;
  spdlog::error("{}", error.context);
  End(EX_CONFIG);
}

// The order of the end: first the lanes, then the consumer, then telemetry. Stopping blocks, so it
// has a thread of its own: main must still receive a second signal.
void Daemon::End(int exit_code) {
  if (ending_) return;
  ending_ = true;
  exit_code_ = exit_code;
  SystemdNotify::Stopping();
  probe_ = std::jthread();  // stops and joins the one that runs
  BlockReadiness("shutting down");
  stopper_ = std::jthread([this, deadline = steady_clock::now() + config_.shutdown_drain] {
    if (!pipeline_.Stop(deadline)) {
      EndByForce("not drained within shutdown.drain; what is open is rolled back and read again",
                 exit_code_);
    }
    boost::asio::post(io_, [this] { StopServices(); });
    if (!ended_.try_acquire_until(deadline + kServicesEndMax)) {
      EndByForce("drained, but a session of PostgreSQL or HTTP does not end; not waiting for it",
                 exit_code_);
    }
  });
}

void Daemon::StopServices() {
  stopped_ = true;
  observation_.Watch(nullptr);
  housekeeper_.Stop();
  positions_.Stop();
  ticker_.cancel();
  watchdog_.cancel();
  signals_.Stop();
  observation_.StopHttp();
}

}  // namespace

int RunDaemon(const config::Config& config, std::function<void()> reload) {
  auto daemon = std::make_unique<Daemon>(config, std::move(reload));
  const int exit_code = daemon->Run();
  {
    const ExitDeadline deadline(steady_clock::now() + kServicesEndMax, [exit_code] {
      EndByForce("drained, but the Kafka client does not end; not waiting for it", exit_code);
    });
    daemon.reset();
  }
  spdlog::info("ended");
  return exit_code;
}

}  // namespace usage_ingest::service
