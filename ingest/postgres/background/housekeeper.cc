#include "ingest/postgres/background/housekeeper.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "ingest/postgres/background/attention.h"
#include "ingest/postgres/background/daily_usage_cache.h"
#include "ingest/postgres/background/index_watch.h"

namespace usage_ingest::postgres::background {
namespace {

using std::chrono::seconds;

constexpr auto kMeasureEvery = seconds(5);
// Missing rows are reported within a minute.
constexpr auto kWatchEvery = seconds(15);
constexpr auto kHour = std::chrono::hours(1);
constexpr auto kQuotaPeriodsEvery = seconds(30);
// LiteMaaS calls a document of today out of date after 5 minutes.
constexpr auto kDailyUsageEvery = seconds(120);
constexpr auto kReconnectAfter = seconds(1);
// References change in bursts (LiteMaaS creates a user, a key, a subscription): one retry for all.
constexpr auto kNotificationPause = std::chrono::milliseconds(200);
constexpr auto kPassAtMostEvery = seconds(2);
// A stop is noticed within this: the session's wait cannot be interrupted.
constexpr auto kWaitMax = std::chrono::milliseconds(250);
constexpr std::int64_t kLettersPerPass = 5'000;
// Their rows are locked until the transaction ends, and the lanes wait for them.
constexpr std::int64_t kPeriodsPerTransaction = 100;
// Of one sweep. With more of them, letters of any user are looked at.
constexpr std::size_t kUsersPerSweep = 1'000;

// As announce_user() in schema/sql/0022_announce_references.sql writes them.
constexpr std::string_view kOneUser = "user ";
constexpr std::string_view kManyUsers = "many users";

constexpr const char* kListen = "LISTEN usage_ingest_references; LISTEN usage_ingest_users";

// The horizon is the end of the last partition without a hole, counted from now. The first one may
// be open at its start: a usage_logs that was not partitioned became one that begins at MINVALUE.
// $1, $2: the months and days of the retention: `partitions retain` may drop a partition when they
// have passed since its end.
constexpr const char* kMeasure = R"sql(
WITH RECURSIVE parts AS (
  SELECT from_time, to_time FROM usage_ingest.partitions_of_usage_logs() WHERE NOT detach_pending
), covered AS (
  SELECT now() AS until
  UNION SELECT p.to_time FROM parts AS p
          JOIN covered AS c ON p.from_time <= c.until AND p.to_time > c.until
)
SELECT (SELECT extract(epoch FROM least(max(until), now() + interval '100 years') - now())
          FROM covered)::int8,
       CASE WHEN $1::int8 + $2::int8 = 0 THEN 0 ELSE
         coalesce((SELECT greatest(extract(epoch FROM
                            now() - (min(to_time) + make_interval(months => $1::int8::int4,
                                                                  days => $2::int8::int4))), 0)
                     FROM usage_ingest.partitions_of_usage_logs()
                    WHERE isfinite(to_time)), 0) END::int8)sql";

// Two rows of a reason with opposite signs leave none.
constexpr const char* kCountPending =
    "SELECT reason, sum(letters)::int8, count(*) FROM usage_ingest.pending_changes GROUP BY reason";

// Two sessions at a time add up different rows: the second one skips what the first has deleted.
constexpr std::int64_t kChangesMax = 100;
constexpr const char* kAddUpPending = R"sql(
WITH gone AS (DELETE FROM usage_ingest.pending_changes RETURNING reason, letters)
INSERT INTO usage_ingest.pending_changes (reason, letters)
SELECT reason, sum(letters) FROM gone GROUP BY reason HAVING sum(letters) <> 0)sql";

// Where triggers did not fire: a restore, a change by hand. Both numbers are of one snapshot.
constexpr const char* kCorrectPending = R"sql(
INSERT INTO usage_ingest.pending_changes (reason, letters)
SELECT reason, sum(n) FROM (
  SELECT reason, count(*) AS n FROM usage_ingest.dead_letters WHERE state = 'pending' GROUP BY reason
  UNION ALL
  SELECT reason, -sum(letters) FROM usage_ingest.pending_changes GROUP BY reason) AS c
WHERE pg_try_advisory_xact_lock(hashtextextended('usage_ingest.pending_changes', 0))
GROUP BY reason HAVING sum(n) <> 0)sql";

// One partition a statement, and so a transaction: its locks are held while one is made.
constexpr const char* kPartitionsAhead =
    "SELECT day::text FROM usage_ingest.partitions_ahead($1::int8::int4, $2::int8::int4) AS day";
constexpr const char* kEnsurePartition = "SELECT usage_ingest.ensure_partition($1::text::date)";

constexpr const char* kPlanQuotaPeriods = "SELECT usage_ingest.plan_quota_periods()";
constexpr const char* kStartQuotaPeriods =
    "SELECT usage_ingest.start_quota_periods(NULL, $1::int8)";

// Bounded, so that years of letters do not go in one transaction.
constexpr const char* kRemoveFinished = R"sql(
DELETE FROM usage_ingest.dead_letters WHERE id IN (
  SELECT id FROM usage_ingest.dead_letters WHERE state <> 'pending'
    AND coalesce(last_attempt_at, first_seen_at) < now() - make_interval(secs => $1::int8)
  LIMIT 10000))sql";

}  // namespace

Housekeeper::Housekeeper(HousekeeperOptions options, std::function<void()> expire_attribution,
                         DeadLetterRetrier& retrier, pipeline::TelemetrySink& telemetry,
                         const pipeline::Runtime& runtime)
    : options_(std::move(options)),
      expire_attribution_(std::move(expire_attribution)),
      retrier_(retrier),
      telemetry_(telemetry),
      runtime_(runtime),
      stop_(runtime) {
  if (!options_.has_quota_periods) next_quota_periods_ = pipeline::TimePoint::max();
  if (!options_.fills_daily_usage_cache) next_daily_usage_ = pipeline::TimePoint::max();
}

void Housekeeper::Stop() {
  boost::asio::post(runtime_.executor, [this] {
    stopping_ = true;
    retrier_.Stop();
    stop_.Notify();
  });
}

void Housekeeper::ReportFailed(const Error& error) {
  telemetry_.On(pipeline::PostgresFailed{pipeline::PostgresErrorClass::kTransient, error.context});
}

pipeline::Task<> Housekeeper::Run() {
  while (!stopping_) {
    session::AsyncConnection connection(runtime_.executor, options_.conninfo,
                                        "usage-ingestd/housekeeper");
    Result<> session = co_await connection.Connect();
    if (session) {
      telemetry_.On(pipeline::PostgresSession{pipeline::kHousekeeperSession, true});
      session = co_await Session(connection);
    }
    if (stopping_) break;
    if (!session) {
      telemetry_.On(pipeline::PostgresSession{pipeline::kHousekeeperSession, false});
      ReportFailed(session.error());
    }
    co_await stop_.WaitUntil(runtime_.clock.Now() + kReconnectAfter);
  }
}

pipeline::Task<Result<>> Housekeeper::Session(session::AsyncConnection& connection) {
  const Result<> listening = co_await connection.ExecuteScript(kListen);
  if (!listening) co_return listening;
  has_unknown_changes_ = true;  // notifications before LISTEN are lost
  next_refresh_ = {};
  while (!stopping_) {
    const pipeline::TimePoint now = runtime_.clock.Now();
    const Result<> done = co_await DoWhatIsDue(connection, now);
    if (!done) co_return done;
    if (now >= next_refresh_) {
      next_refresh_ = now + options_.attribution_refresh;
      expire_attribution_();
    }
    co_await RetryDeadLetters();
    const auto notifications =
        co_await connection.WaitForNotifications(std::min(NextDeadline(), now + kWaitMax));
    if (!notifications) co_return std::unexpected(notifications.error());
    if (!notifications->empty()) {
      NoteChanges(*notifications);
      co_await stop_.WaitUntil(runtime_.clock.Now() + kNotificationPause);
    }
  }
  co_return Result<>{};
}

pipeline::Task<Result<>> Housekeeper::DoWhatIsDue(session::AsyncConnection& connection,
                                                  pipeline::TimePoint now) {
  Result<> done;
  if (now >= next_hourly_) {
    next_hourly_ = now + kHour;
    has_unknown_changes_ = true;  // triggers do not fire for a restore or for replication
    done = co_await EnsurePartitions(connection);
    if (done) done = co_await RemoveFinished(connection);
    if (done) done = co_await CorrectPending(connection);
  }
  if (done && now >= next_measure_) {
    next_measure_ = now + kMeasureEvery;
    done = co_await Measure(connection);
  }
  if (done && now >= next_quota_periods_) {
    next_quota_periods_ = now + kQuotaPeriodsEvery;
    done = co_await StartQuotaPeriods(connection);
  }
  if (done && now >= next_daily_usage_) {
    next_daily_usage_ = now + kDailyUsageEvery;
    done = co_await FillDailyUsageCache(connection);
  }
  if (done && now >= next_watch_) {
    next_watch_ = now + kWatchEvery;
    done = co_await Watch(connection);
  }
  co_return done;
}

void Housekeeper::NoteChanges(const std::vector<std::string>& notifications) {
  next_refresh_ = {};
  for (const std::string& notification : notifications) {
    if (notification.starts_with(kOneUser)) {
      changed_users_.insert(notification.substr(kOneUser.size()));
    } else if (notification == kManyUsers) {
      has_unknown_changes_ = true;
    }
  }
  if (changed_users_.size() <= kUsersPerSweep) return;
  changed_users_.clear();
  has_unknown_changes_ = true;
}

pipeline::TimePoint Housekeeper::NextDeadline() const {
  const bool is_sweeping = sweep_ || has_unknown_changes_ || !changed_users_.empty();
  const pipeline::TimePoint next_pass =
      is_sweeping ? next_pass_ : std::max(next_retry_, next_pass_);
  return std::min({next_refresh_, next_pass, next_hourly_, next_measure_, next_watch_,
                   next_quota_periods_, next_daily_usage_});
}

pipeline::Task<Result<>> Housekeeper::EnsurePartitions(session::AsyncConnection& connection) {
  session::Statement ahead{kPartitionsAhead, {}};
  ahead.params.Add(std::int64_t{options_.partitions.months_ahead})
      .Add(std::int64_t{options_.partitions.days_ahead});
  const Result<session::PgResult> days = co_await connection.Execute(ahead);
  if (!days) co_return std::unexpected(days.error());
  for (int row = 0; row < PQntuples(days->get()); ++row) {
    session::Statement statement{kEnsurePartition, {}};
    statement.params.Add(std::string_view(PQgetvalue(days->get(), row, 0)));
    const Result<session::PgResult> ensured = co_await connection.Execute(statement);
    if (ensured) continue;
    if (!connection.connected()) co_return std::unexpected(ensured.error());
    // A lock was refused: again soon, as the partitions ahead are not needed today.
    ReportFailed(ensured.error());
    next_hourly_ = runtime_.clock.Now() + seconds(5);
    break;
  }
  co_return Result<>{};
}

// Those that are left over are started a moment later, so that the other work is done in between.
pipeline::Task<Result<>> Housekeeper::StartQuotaPeriods(session::AsyncConnection& connection) {
  const session::Statement plan{kPlanQuotaPeriods, {}};
  Result<session::PgResult> started = co_await connection.Execute(plan);
  if (started) {
    session::Statement start{kStartQuotaPeriods, {}};
    start.params.Add(kPeriodsPerTransaction);
    started = co_await connection.Execute(start);
  }
  if (!started) {
    if (!connection.connected()) co_return std::unexpected(started.error());
    // A lock was refused; the next event of the subscription, or the next turn, starts it.
    ReportFailed(started.error());
    co_return Result<>{};
  }
  const std::int64_t count = session::Int64At(started->get(), 0, 0);
  if (count != 0) telemetry_.On(pipeline::QuotaPeriodsStarted{count});
  if (count == kPeriodsPerTransaction) next_quota_periods_ = {};
  co_return Result<>{};
}

// Days that are left over are written a moment later, as above.
pipeline::Task<Result<>> Housekeeper::FillDailyUsageCache(session::AsyncConnection& connection) {
  const Result<std::string> filled = co_await FillDayBefore(daily_usage_before_, connection);
  daily_usage_before_ = filled ? *filled : std::string();
  if (!daily_usage_before_.empty()) next_daily_usage_ = {};
  if (filled) co_return Result<>{};
  if (!connection.connected()) co_return std::unexpected(filled.error());
  ReportFailed(filled.error());
  co_return Result<>{};
}

pipeline::Task<Result<>> Housekeeper::Measure(session::AsyncConnection& connection) {
  const session::Statement count{kCountPending, {}};
  const Result<session::PgResult> counted = co_await connection.Execute(count);
  if (!counted) co_return std::unexpected(counted.error());
  pipeline::DeadLettersPending pending;
  bool is_long = false;
  for (int row = 0; row < PQntuples(counted->get()); ++row) {
    const auto reason = ParseDeadLetterReason(PQgetvalue(counted->get(), row, 0));
    is_long = is_long || session::Int64At(counted->get(), row, 2) > kChangesMax;
    if (!reason) continue;
    pending.by_reason.at(static_cast<std::size_t>(*reason)) =
        session::Int64At(counted->get(), row, 1);
  }
  telemetry_.On(pending);
  session::Statement statement{kMeasure, {}};
  statement.params.Add(std::int64_t{options_.partitions.retention_months})
      .Add(std::int64_t{options_.partitions.retention_days});
  const Result<session::PgResult> measured = co_await connection.Execute(statement);
  if (!measured) co_return std::unexpected(measured.error());
  telemetry_.On(pipeline::PartitionRunway{seconds(session::Int64At(measured->get(), 0, 0))});
  telemetry_.On(pipeline::RetentionOverdue{seconds(session::Int64At(measured->get(), 0, 1))});
  if (!is_long) co_return Result<>{};
  co_return co_await connection.ExecuteScript(kAddUpPending);
}

// A lock may be refused while a table is truncated or restored: looked at again the next time.
pipeline::Task<Result<>> Housekeeper::Watch(session::AsyncConnection& connection) {
  for (const auto report : {&ReportMissingRows, &ReportSetAside}) {
    const Result<> reported = co_await report(connection, telemetry_);
    if (reported) continue;
    if (!connection.connected()) co_return reported;
    ReportFailed(reported.error());
  }
  co_return co_await ReportIndexes(connection, options_.partitions, telemetry_);
}

pipeline::Task<Result<>> Housekeeper::CorrectPending(session::AsyncConnection& connection) {
  co_return co_await connection.ExecuteScript(kCorrectPending);
}

pipeline::Task<Result<>> Housekeeper::RemoveFinished(session::AsyncConnection& connection) {
  session::Statement statement{kRemoveFinished, {}};
  statement.params.Add(
      std::int64_t{std::chrono::duration_cast<seconds>(options_.dead_letters_keep).count()});
  const Result<session::PgResult> removed = co_await connection.Execute(statement);
  if (!removed) co_return std::unexpected(removed.error());
  co_return Result<>{};
}

// Changed references can heal what has no owner; the timer tries all that may heal by itself.
DeadLetterSelection Housekeeper::NewSweep(bool is_timed) const {
  DeadLetterSelection sweep;
  for (const DeadLetterReasonEntry& entry : kDeadLetterReasons) {
    const bool may_heal =
        is_timed ? entry.is_retried : entry.reason == DeadLetterReason::kUnattributed;
    if (may_heal) sweep.reasons.emplace_back(entry.name);
  }
  sweep.only_due = is_timed;
  sweep.letters_max = kLettersPerPass;
  sweep.first_seen_since = EventTimeUs{
      runtime_.clock.WallNow().value -
      std::chrono::duration_cast<std::chrono::microseconds>(options_.retry_for).count()};
  return sweep;
}

// When references changed the letters that may have an owner now are tried, by the timer those
// whose back-off is over. The timer goes first, since references may change all the time.
void Housekeeper::ChooseSweep(pipeline::TimePoint now) {
  if (sweep_ && sweep_->only_due) return;
  if (now >= next_retry_) {
    if (sweep_) has_unknown_changes_ = true;  // it is not finished
    sweep_ = NewSweep(/*is_timed=*/true);
    next_retry_ = now + options_.retry_dead_letters;
  } else if (sweep_) {
    return;
  } else if (!changed_users_.empty()) {
    sweep_ = NewSweep(/*is_timed=*/false);
    sweep_->users.assign(changed_users_.begin(), changed_users_.end());
    changed_users_.clear();
  } else if (has_unknown_changes_) {
    has_unknown_changes_ = false;
    sweep_ = NewSweep(/*is_timed=*/false);
    sweep_->only_with_owner = true;
  }
}

// A sweep of many letters is several passes, so that the other work is done in between.
pipeline::Task<> Housekeeper::RetryDeadLetters() {
  const pipeline::TimePoint now = runtime_.clock.Now();
  if (now < next_pass_) co_return;
  ChooseSweep(now);
  if (!sweep_) co_return;
  next_pass_ = now + kPassAtMostEvery;
  const Result<RetryReport> report = co_await retrier_.Retry(*sweep_);
  if (report && !report->is_complete) {
    sweep_->tried_before = report->begun;
  } else if (report || report.error().code == ErrorCode::kFenced) {
    sweep_.reset();  // another instance retries the same letters
  } else {
    ReportFailed(report.error());
    if (report.error().code != ErrorCode::kUnavailable) SweepAgainLater();
  }
}

// A change is announced once. A sweep that is too slow for statement_timeout must not be all that
// the server does.
void Housekeeper::SweepAgainLater() {
  next_pass_ = runtime_.clock.Now() + std::chrono::minutes(1);
  if (sweep_ && sweep_->only_due) {
    next_retry_ = next_pass_;
  } else {
    has_unknown_changes_ = true;
  }
  sweep_.reset();
}

}  // namespace usage_ingest::postgres::background
