// Quota periods and warnings: the counters of a subscription start again when its period ends, an
// event counts in the period in which it began or in none, and a threshold warns once a period.
#include <atomic>
#include <chrono>
#include <random>
#include <set>
#include <thread>

#include "ingest/postgres/batch/statements.h"
#include "tests/integration/postgres/writer_fixture.h"
#include "tests/support/wait.h"

namespace usage_ingest::postgres {
namespace {

using Lines = std::vector<std::string>;

class QuotaPeriodsTest : public WriterTest {
 protected:
  QuotaPeriodsTest() {
    options_.has_quota_periods = true;
    options_.warn_at_percent = {80, 95, 100};
    const MigrateOutcome outcome =
        Migrate("litemaas", {.enforce_quotas = batch::QuotaEnforcement::kActiveOnly});
    if (!outcome.result) throw std::runtime_error(outcome.result.error().context);
    database_.Execute("UPDATE subscriptions SET quota_requests = 0, quota_tokens = 0");
  }

  void Add(std::int64_t created_at_us, std::int32_t tokens = 1) {
    WriterTest::Add(0, created_at_us, tokens);
  }
  void Set(const std::string& assignments) {
    database_.Execute("UPDATE subscriptions SET " + assignments + " WHERE id = '" +
                      subscriptions_[0] + "'");
  }
  std::string Read(const std::string& columns) {
    return database_
        .Lines("SELECT " + columns + " FROM subscriptions WHERE id = '" + subscriptions_[0] + "'")
        .at(0);
  }
  std::int64_t Audited(const std::string& action) {
    return Number("SELECT count(*) FROM audit_logs WHERE action = '" + action + "'");
  }
  // The end of the present period, `seconds_ago`; returns it.
  std::int64_t EndPeriod(int seconds_ago) {
    Set("reset_at = date_trunc('second', now()) - interval '" + std::to_string(seconds_ago) +
        " s'");
    return std::stoll(Read("(extract(epoch FROM reset_at) * 1000000)::bigint"));
  }
  std::int64_t NowUs() {
    return Number("SELECT extract(epoch FROM date_trunc('second', now()))::bigint") * kSecondUs;
  }
  pipeline::QuotaChanges MustWrite() {
    const auto written = Write();
    if (!written) throw std::runtime_error(written.error().context);
    return written->quotas;
  }
  // As the daemon's timer does it, with the privileges of its role.
  std::int64_t RunTimer() {
    Database daemon(postgres_.conninfo("litemaas", "ingest"));
    daemon.Execute("SELECT usage_ingest.plan_quota_periods()");
    return daemon.Number("SELECT usage_ingest.start_quota_periods(NULL, 100)");
  }
};

TEST_F(QuotaPeriodsTest, AnEventCountsInThePeriodInWhichItBegan) {
  Set("used_requests = 7, used_tokens = 70, budget_duration = 'monthly'");
  const std::int64_t end = EndPeriod(3600);
  Add(end - kSecondUs, 5);
  Add(end, 11);
  Add(end + kSecondUs, 13);
  MustWrite();
  EXPECT_EQ(Read("used_requests, used_tokens, reset_at > now()"), "2\t24\tt\t");
  Add(end - 2 * kSecondUs, 100);
  Add(end + 2 * kSecondUs, 1);
  MustWrite();
  EXPECT_EQ(Read("used_requests, used_tokens"), "3\t25\t");
  EXPECT_EQ(Number("SELECT count(*) FROM usage_logs"), 5) << "a late event is a row all the same";
  EXPECT_EQ(Number("SELECT sum(request_count) FROM usage_summaries WHERE period_type = 'month'"),
            5);
  EXPECT_EQ(RunTimer(), 0) << "the batch has started the period";
  EXPECT_EQ(Audited("subscription.quota_reset"), 1);
  EXPECT_EQ(database_.Value("SELECT metadata->>'used_tokens' FROM audit_logs WHERE action = "
                            "'subscription.quota_reset'"),
            "70");
}

TEST_F(QuotaPeriodsTest, WithoutPeriodsTheCountersGrow) {
  options_.has_quota_periods = false;
  Set("used_requests = 7");
  const std::int64_t end = EndPeriod(3600);
  Add(end - kSecondUs);
  Add(end);
  MustWrite();
  EXPECT_EQ(Read("used_requests, reset_at < now()"), "9\tt\t");
}

TEST_F(QuotaPeriodsTest, OurSuspensionEndsWithThePeriodAndThatOfAPersonDoesNot) {
  Set("quota_requests = 2, used_requests = 2");
  Add(NowUs());
  EXPECT_EQ(MustWrite().suspended, 1);
  EndPeriod(1);
  EXPECT_EQ(RunTimer(), 1);
  EXPECT_EQ(Read("status, used_requests"), "active\t0\t");
  EXPECT_EQ(Audited("subscription.resumed"), 1);

  Set("status = 'suspended', used_requests = 2");
  EndPeriod(1);
  EXPECT_EQ(RunTimer(), 1);
  EXPECT_EQ(Read("status, used_requests"), "suspended\t0\t") << "a person suspended it";
}

TEST_F(QuotaPeriodsTest, PeriodsAreCountedFromTheFirstEnd) {
  Set("budget_duration = 'monthly', reset_at = '2025-01-31 12:00Z'");
  EXPECT_EQ(RunTimer(), 1);
  const std::string period = " FROM usage_ingest.quota_periods";
  EXPECT_EQ(database_.Value("SELECT counted_from = '2025-01-31 12:00Z' AND started_at <= now() "
                            "AND ends_at > now() AND ends_at - started_at <= interval '31 days'" +
                            period),
            "t");
  EXPECT_EQ(Number("SELECT usage_ingest.periods_between('2025-01-31 12:00Z', '1 month', "
                   "'2025-03-31 12:00Z')"),
            2)
      << "the 31st stays the 31st after February";
  // A person moves the end: the later ones follow it.
  EndPeriod(5);
  EXPECT_EQ(RunTimer(), 1);
  EXPECT_EQ(database_.Value("SELECT counted_from = started_at AND started_at > now() - interval '1 "
                            "minute'" +
                            period),
            "t");
}

TEST_F(QuotaPeriodsTest, DurationsAsLiteMaasAndLiteLlmWriteThem) {
  const auto length = [&](const std::string& duration) {
    return database_.Value("SELECT coalesce(usage_ingest.period_length('" + duration +
                           "')::text, 'none')");
  };
  EXPECT_EQ(length("daily"), "1 day");
  EXPECT_EQ(length("Weekly"), "7 days");
  EXPECT_EQ(length(" monthly "), "1 mon");
  EXPECT_EQ(length("yearly"), "1 year");
  EXPECT_EQ(length("30d"), "30 days");
  EXPECT_EQ(length("2mo"), "2 mons");
  EXPECT_EQ(length("12h"), "12:00:00");
  for (const char* none : {"lifetime", "", "0d", "99999d", "1 fortnight", "-1d"}) {
    EXPECT_EQ(length(none), "none") << none;
  }
  EXPECT_EQ(database_.Value("SELECT usage_ingest.period_length(NULL) IS NULL"), "t");
}

// The seed leaves reset_at NULL.
TEST_F(QuotaPeriodsTest, TheFirstPeriodEndsWithTheCalendar) {
  Set("reset_at = NULL, budget_duration = 'monthly', used_requests = 5");
  EXPECT_EQ(RunTimer(), 0);
  EXPECT_EQ(
      Read("used_requests, reset_at = date_trunc('month', now(), 'UTC') + interval '1 month'"),
      "5\tt\t");
  Set("reset_at = NULL, budget_duration = 'lifetime'");
  RunTimer();
  EXPECT_EQ(Read("reset_at IS NULL"), "t\t");
  Set("budget_duration = 'monthly', status = 'cancelled'");
  RunTimer();
  EXPECT_EQ(Read("reset_at IS NULL"), "t\t") << "it has ended";
}

TEST_F(QuotaPeriodsTest, ManySessionsStartAPeriodOnce) {
  database_.Execute("UPDATE subscriptions SET used_requests = 1, reset_at = now()");
  std::atomic<std::int64_t> started = 0;
  {
    std::vector<std::jthread> sessions;
    for (int i = 0; i < 4; ++i) {
      sessions.emplace_back([&] {
        Database daemon(postgres_.conninfo("litemaas", "ingest"));
        started += daemon.Number("SELECT usage_ingest.start_quota_periods(NULL, 100)");
      });
    }
  }
  EXPECT_EQ(started, Number("SELECT count(*) FROM subscriptions"));
  EXPECT_EQ(Audited("subscription.quota_reset"), started);
}

TEST_F(QuotaPeriodsTest, OneThatCannotStartStopsNoOther) {
  database_.Execute(
      "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$; "
      "CREATE TRIGGER refuse BEFORE UPDATE OF reset_at ON subscriptions FOR EACH ROW WHEN (OLD.id "
      "= '" +
      subscriptions_[0] +
      "' AND OLD.used_requests > 0) EXECUTE FUNCTION refuse(); UPDATE subscriptions SET reset_at = "
      "now(); UPDATE subscriptions SET used_requests = 1");
  EXPECT_EQ(RunTimer(), Number("SELECT count(*) - 1 FROM subscriptions"));
  Add(NowUs());
  MustWrite();
  EXPECT_EQ(Read("used_requests"), "2\t") << "its events count where they are";
}

// The rows of the batch were assigned to the old period: the batch is repeated.
TEST_F(QuotaPeriodsTest, APeriodThatBeginsDuringTheTransactionIsSeen) {
  const std::string ids = "{" + subscriptions_[0] + "}";
  Database daemon(postgres_.conninfo("litemaas", "ingest"));
  daemon.Execute("BEGIN");
  EXPECT_EQ(daemon.Query(batch::sql::kCountNewPeriods, {ids}).at(0).at(0), "0");
  Set("reset_at = clock_timestamp()");
  EXPECT_EQ(RunTimer(), 1);
  EXPECT_EQ(daemon.Query(batch::sql::kCountNewPeriods, {ids}).at(0).at(0), "1");
}

TEST_F(QuotaPeriodsTest, AThresholdWarnsOnceAPeriod) {
  Database listener = postgres_.Connect("litemaas");
  listener.Execute("LISTEN usage_ingest_quota_warning");
  Set("quota_requests = 10, quota_tokens = 0");
  const auto add = [&](int events) {
    for (int i = 0; i < events; ++i) Add(NowUs());
    return MustWrite().warnings;
  };
  EXPECT_EQ(add(7), 0);
  EXPECT_EQ(add(1), 1);
  EXPECT_EQ(add(1), 0);
  EXPECT_EQ(add(1), 2) << "95 % and 100 %";
  std::size_t heard = 0;
  EXPECT_TRUE(support::WaitUntil(support::After(std::chrono::seconds(30)), [&] {
    heard += listener.Notifications().size();
    return heard == 3;
  }));
  EXPECT_EQ(database_.Lines("SELECT metadata->>'resource', metadata->>'percent', "
                            "metadata->>'used_requests' FROM audit_logs WHERE action = "
                            "'subscription.quota_warning'"),
            (Lines{"requests\t100\t10\t", "requests\t80\t8\t", "requests\t95\t10\t"}));
  Set("quota_requests = 12");
  EXPECT_EQ(add(2), 0) << "once a period, whatever becomes of the quota";
  EndPeriod(1);
  RunTimer();
  EXPECT_EQ(add(12), 3);
}

// Random months against an oracle that knows no SQL.
TEST_F(QuotaPeriodsTest, RandomPeriodsAreAsAnOracleSays) {
  constexpr std::int64_t kQuota = 40;
  struct {
    std::int64_t used = 0, warnings = 0, suspensions = 0, resets = 0;
    std::set<int> warned;
    bool is_suspended = false;
  } oracle;
  bool is_due = true;
  const auto begin_period = [&] {
    oracle.resets += oracle.used > 0 ? 1 : 0;
    oracle.used = 0;
    oracle.warned.clear();
    oracle.is_suspended = is_due = false;
  };
  Set("quota_requests = " + std::to_string(kQuota));
  std::int64_t start = EndPeriod(86'400);
  std::mt19937 random(18);  // NOLINT(cert-msc51-cpp): the same months each time
  for (int step = 0; step < 120; ++step) {
    const auto choice = random() % 10;
    if (choice == 0) {
      start = EndPeriod(1);
      is_due = true;
    } else if (choice == 1) {
      EXPECT_EQ(RunTimer(), is_due ? 1 : 0);
      if (is_due) begin_period();
    } else {
      if (is_due) begin_period();
      const auto events = 1 + random() % 12;
      for (unsigned i = 0; i < events; ++i) {
        const bool is_late = random() % 4 == 0;
        Add(is_late ? start - kSecondUs * static_cast<std::int64_t>(1 + random() % 1000) : NowUs());
        oracle.used += is_late ? 0 : 1;
      }
      MustWrite();
      for (const int percent : {80, 95, 100}) {
        const bool is_reached = oracle.used * 100 >= kQuota * percent;
        if (is_reached && oracle.warned.insert(percent).second) ++oracle.warnings;
      }
      if (oracle.used > kQuota && !oracle.is_suspended) {
        oracle.is_suspended = true;
        ++oracle.suspensions;
      }
    }
    if (is_due) continue;
    ASSERT_EQ(
        Read("used_requests, status"),
        std::to_string(oracle.used) + "\t" + (oracle.is_suspended ? "suspended" : "active") + "\t")
        << "step " << step;
  }
  EXPECT_GT(oracle.suspensions, 2);
  EXPECT_EQ(Audited("subscription.quota_warning"), oracle.warnings);
  EXPECT_EQ(Audited("subscription.suspended"), oracle.suspensions);
  EXPECT_EQ(Audited("subscription.quota_reset"), oracle.resets);
}

}  // namespace
}  // namespace usage_ingest::postgres
