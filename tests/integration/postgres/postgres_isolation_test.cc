// What PostgreSQL refuses delays nothing else (INV-9): the real writer on a real PostgreSQL.
//
// Each case makes the database refuse a part of one batch, and sees that the rest is committed,
// that the refused part is in dead letters which say why, and that they heal when the cause is
// gone.
#include <algorithm>
#include <thread>

#include "ingest/postgres/batch/statements.h"
#include "tests/integration/postgres/writer_fixture.h"
#include "tests/support/wait.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kJanuary = 1'735'732'800 * kSecond;  // 2025-01-01 12:00:00 UTC

class IsolationTest : public WriterTest {
 protected:
  explicit IsolationTest(const support::PostgresOptions& postgres = {.fsync = false})
      : WriterTest(postgres) {
    database_.Execute("SELECT usage_ingest.ensure_partition('2025-01-01')");
  }

  void Add(std::size_t user, std::int64_t created_at = kJanuary, std::int32_t tokens = 1) {
    WriterTest::Add(user, created_at, tokens);
  }
  void MustWrite(std::int64_t inserted, std::int64_t dead_lettered) {
    const auto begun = std::chrono::steady_clock::now();
    const auto written = Write();
    ASSERT_TRUE(written) << written.error().context;
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 60s);
    EXPECT_EQ(written->outcomes.inserted, inserted);
    EXPECT_EQ(written->outcomes.dead_lettered, dead_lettered);
    EXPECT_EQ(written->outcomes.duplicates, 0);
    ExpectStored(inserted, dead_lettered);
  }
  // Rows, sums, counters and letters agree.
  void ExpectStored(std::int64_t rows, std::int64_t pending) {
    EXPECT_EQ(Number("SELECT count(*) FROM usage_logs"), rows + rows_before_);
    EXPECT_EQ(Number("SELECT coalesce(sum(request_count), 0)::bigint FROM usage_summaries WHERE "
                     "period_type = 'month'"),
              rows + summaries_before_);
    EXPECT_EQ(Number("SELECT count(*) FROM usage_ingest.dead_letters WHERE state = 'pending'"),
              pending);
    EXPECT_EQ(Number("SELECT inserted FROM usage_ingest.kafka_offsets"), rows);
  }
  void ExpectLetters(const std::string& reason, const std::string& detail) {
    EXPECT_EQ(database_.Value("SELECT DISTINCT reason FROM usage_ingest.dead_letters"), reason);
    const std::string said = database_.Value("SELECT max(detail) FROM usage_ingest.dead_letters");
    EXPECT_TRUE(Holds(said, detail)) << said;
  }
  // The daemon's own retry inserts them when the cause is gone.
  void ExpectHeals(std::int64_t letters) {
    const auto retried = Retry();
    ASSERT_TRUE(retried) << retried.error().context;
    EXPECT_EQ(retried->outcomes.inserted, letters);
    EXPECT_EQ(Number("SELECT count(*) FROM usage_ingest.dead_letters WHERE state = 'pending'"), 0);
  }

  std::int64_t rows_before_ = 0;
  std::int64_t summaries_before_ = 0;
};

// -- the sums of a subscription
// -------------------------------------------------------------------

// The story: used_requests is an INTEGER; at 2^31 the whole lane was held without end.
TEST_F(IsolationTest, AFullCounterOfASubscription) {
  database_.Execute("UPDATE subscriptions SET used_requests = 2147483640 WHERE id = '" +
                    subscriptions_[0] + "'");
  for (unsigned i = 0; i < 60; ++i) Add(i % 3 == 0 ? 0 : 1);
  MustWrite(40 + 7, 13);
  ExpectLetters("subscription_rejected", "subscription " + subscriptions_[0]);
  ExpectLetters("subscription_rejected", "integer out of range");
  database_.Execute("UPDATE subscriptions SET used_requests = 0 WHERE id = '" + subscriptions_[0] +
                    "'");
  ExpectHeals(13);
}

TEST_F(IsolationTest, AFullSummary) {
  database_.Execute(
      "INSERT INTO usage_summaries (subscription_id, model_id, period_type, period_start, "
      "request_count) VALUES ('" +
      subscriptions_[0] + "', 'model-a', 'month', '2025-01-01Z', 2147483647)");
  summaries_before_ = 2'147'483'647;
  for (unsigned i = 0; i < 20; ++i) Add(i % 2);
  MustWrite(10, 10);
  ExpectLetters("subscription_rejected", "month 2025-01");
}

TEST_F(IsolationTest, ATriggerOnSummariesThatRaises) {
  database_.Execute(
      "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF "
      "NEW.subscription_id "
      "= '" +
      subscriptions_[1] +
      "' THEN RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$; CREATE TRIGGER refuse BEFORE "
      "INSERT "
      "ON usage_summaries FOR EACH ROW EXECUTE FUNCTION refuse()");
  for (unsigned i = 0; i < 20; ++i) Add(i % 2);
  MustWrite(10, 10);
  ExpectLetters("subscription_rejected", "P0001: no");
  database_.Execute("DROP TRIGGER refuse ON usage_summaries");
  ExpectHeals(10);
}

// It raises at COMMIT, for the whole transaction.
TEST_F(IsolationTest, ACheckThatIsDeferred) {
  database_.Execute(
      "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = '" +
      subscriptions_[1] +
      "' THEN RAISE EXCEPTION 'no' USING ERRCODE = '23514'; END IF; RETURN NULL; END $$; CREATE "
      "CONSTRAINT TRIGGER refuse AFTER UPDATE ON subscriptions DEFERRABLE INITIALLY DEFERRED FOR "
      "EACH ROW EXECUTE FUNCTION refuse()");
  for (unsigned i = 0; i < 20; ++i) Add(i % 2);
  MustWrite(10, 10);
  ExpectLetters("subscription_rejected", "no");
}

// The story: the printed fix could not be run: "cannot alter type of a column used in a trigger
// definition", then "by a view or rule".
TEST_F(IsolationTest, ThePrintedFixOfANarrowCounterCanBeRun) {
  const std::vector<std::string> before = CatalogueLines(database_);
  const std::string view =
      database_.Value("SELECT pg_get_viewdef('active_subscriptions'::regclass)");
  const std::string trigger = database_.Value(
      "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'enforce_subscription_quota'");
  database_.Execute(
      "DROP VIEW active_subscriptions; DROP TRIGGER enforce_subscription_quota ON subscriptions; "
      "ALTER TABLE subscriptions ALTER used_tokens TYPE integer; CREATE VIEW active_subscriptions "
      "AS " +
      view + trigger);
  database_.Execute("UPDATE subscriptions SET used_tokens = 2147483647 WHERE id = '" +
                    subscriptions_[0] + "'");
  for (unsigned i = 0; i < 20; ++i) Add(i % 2);
  MustWrite(10, 10);
  const probe::ProbeReport report = Probe("litemaas");
  const auto narrow = std::ranges::find(report.findings, "public.subscriptions.used_tokens",
                                        &probe::Finding::where);
  ASSERT_NE(narrow, report.findings.end());
  database_.Execute(narrow->fix);
  EXPECT_EQ(CatalogueLines(database_), before);
  ExpectHeals(10);
}

// -- rows
// -----------------------------------------------------------------------------------------

// The story: the process aborted at a check, and again at each start.
TEST_F(IsolationTest, ATriggerThatReturnsNull) {
  database_.Execute(
      "CREATE FUNCTION decline() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF "
      "NEW.request_tokens "
      "= 7 THEN RETURN NULL; END IF; RETURN NEW; END $$; CREATE TRIGGER decline BEFORE INSERT ON "
      "usage_logs FOR EACH ROW EXECUTE FUNCTION decline()");
  for (unsigned i = 0; i < 20; ++i) Add(i % 2, kJanuary, i == 3 || i == 4 ? 7 : 1);
  MustWrite(18, 2);
  ExpectLetters("rejected_by_database", "declined");
  database_.Execute("DROP TRIGGER decline ON usage_logs");
  ExpectHeals(2);
}

// A copy of a trigger that is enabled on one partition only.
TEST_F(IsolationTest, ATriggerOfOnePartitionThatReturnsNull) {
  database_.Execute(
      "CREATE FUNCTION decline() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF "
      "NEW.request_tokens = 7 THEN RETURN NULL; END IF; RETURN NEW; END $$; CREATE TRIGGER decline "
      "BEFORE INSERT ON usage_logs FOR EACH ROW EXECUTE FUNCTION decline(); ALTER TABLE usage_logs "
      "DISABLE TRIGGER decline; ALTER TABLE usage_logs_2025_01 ENABLE ALWAYS TRIGGER decline");
  for (unsigned i = 0; i < 20; ++i) Add(i % 2, kJanuary, i == 3 || i == 4 ? 7 : 1);
  MustWrite(18, 2);
  ExpectLetters("rejected_by_database", "declined");
}

TEST_F(IsolationTest, ATriggerThatChangesTheId) {
  database_.Execute(
      "CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.request_tokens "
      "= 7 THEN NEW.id = gen_random_uuid(); END IF; IF NEW.request_tokens = 8 THEN RETURN NULL; "
      "END "
      "IF; RETURN NEW; END $$; CREATE TRIGGER change BEFORE INSERT ON usage_logs FOR EACH ROW "
      "EXECUTE FUNCTION change()");
  for (unsigned i = 0; i < 20; ++i) Add(i % 2, kJanuary, i == 3 ? 7 : i == 4 ? 8 : 1);
  MustWrite(18, 2);
}

// The story: rows that another unique index refused counted as duplicates; 20 events gave 10 rows
// and no letter.
TEST_F(IsolationTest, AUniqueIndexOfAnotherProgram) {
  database_.Execute("CREATE UNIQUE INDEX theirs ON usage_logs_2025_01 (request_tokens)");
  for (unsigned i = 0; i < 20; ++i) Add(i % 2, kJanuary, static_cast<std::int32_t>(i / 2 + 1));
  MustWrite(10, 10);
  ExpectLetters("rejected_by_database", "23505");
  database_.Execute("DROP INDEX theirs");
  ExpectHeals(10);
}

TEST_F(IsolationTest, AnIndexThatAValueIsTooLongFor) {
  std::string text = "''";
  for (int i = 0; i < 120; ++i) text += " || md5(id::text || '" + std::to_string(i) + "')";
  database_.Execute(
      "CREATE INDEX theirs ON usage_logs_2025_01 ((CASE WHEN request_tokens = 7 THEN " + text +
      " ELSE '' END))");
  for (unsigned i = 0; i < 20; ++i) Add(i % 2, kJanuary, i == 3 ? 7 : 1);
  MustWrite(19, 1);
  ExpectLetters("rejected_by_database", "54000");
}

TEST_F(IsolationTest, AForeignKeyOfAnotherProgram) {
  database_.Execute(
      "CREATE TABLE theirs (tokens INTEGER PRIMARY KEY); INSERT INTO theirs VALUES (1); ALTER "
      "TABLE "
      "usage_logs ADD FOREIGN KEY (request_tokens) REFERENCES theirs");
  database_.Execute(std::string("REVOKE SET ON PARAMETER session_replication_role FROM ") + kRole);
  for (unsigned i = 0; i < 20; ++i) Add(i % 2, kJanuary, i == 3 ? 7 : 1);
  MustWrite(19, 1);
  ExpectLetters("rejected_by_database", "23503");
}

// -- months
// ---------------------------------------------------------------------------------------

// The story: DEFAULT held a row of the month, so that its partition could not be attached, and one
// event held its lane without end. PostgreSQL itself takes the row into DEFAULT.
TEST_F(IsolationTest, AMonthThatIsInDefault) {
  database_.Execute(
      "CREATE TABLE rest PARTITION OF usage_logs DEFAULT; INSERT INTO usage_logs (id, "
      "subscription_id, model_id, request_tokens, response_tokens, created_at) VALUES "
      "(gen_random_uuid(), '" +
      subscriptions_[0] + "', 'model-a', 1, 0, '2025-02-10Z')");
  rows_before_ = 1;
  summaries_before_ = 1;
  for (unsigned i = 0; i < 20; ++i) Add(i % 2, kJanuary + (i < 10 ? 0 : 40 * 86'400 * kSecond));
  MustWrite(20, 0);
  EXPECT_EQ(Number("SELECT count(*) FROM rest"), 11);
}

TEST_F(IsolationTest, AMonthOfDaysWithOneMissing) {
  database_.Execute(
      "CREATE TABLE february PARTITION OF usage_logs FOR VALUES FROM ('2025-02-01Z') TO "
      "('2025-03-01Z') PARTITION BY RANGE (created_at); CREATE TABLE february_9 PARTITION OF "
      "february "
      "FOR VALUES FROM ('2025-02-09Z') TO ('2025-02-10Z')");
  for (unsigned i = 0; i < 30; ++i)
    Add(i % 2, kJanuary + std::int64_t{38 + i / 10} * 86'400 * kSecond);
  MustWrite(10, 20);
  ExpectLetters("month_rejected", "month 2025-02");
  database_.Execute("CREATE TABLE february_rest PARTITION OF february DEFAULT");
  ExpectHeals(20);
}

// -- what is ours
// ---------------------------------------------------------------------------------

// The story: logical replication does not carry sequences; after a switch-over the lane was held on
// 23505 of dead_letters_pkey.
TEST_F(IsolationTest, IdsOfDeadLettersBehindTheirTable) {
  database_.Execute(
      "INSERT INTO usage_ingest.dead_letters (id, group_id, topic, partition, record_offset, "
      "reason, "
      "state) OVERRIDING SYSTEM VALUE SELECT n, 'g', 'old', 0, n, 'invalid_json', 'discarded' FROM "
      "generate_series(1, 5000) AS n; UPDATE subscriptions SET used_requests = 2147483647 WHERE id "
      "= "
      "'" +
      subscriptions_[0] + "'");
  for (unsigned i = 0; i < 20; ++i) Add(i % 2);
  MustWrite(10, 10);
}

// -- time, memory, locks
// --------------------------------------------------------------------------

// Another lane, in a transaction that has the turn of the sums.
class TurnTest : public IsolationTest {
 protected:
  void SetUp() override {
    pid_ = other_.Number("SELECT pg_backend_pid()");
    other_.Execute("BEGIN");
    other_.Execute(batch::sql::kTakeTurn);
    Add(0);
  }
  // It leaves pg_stat_activity a moment after its locks.
  [[nodiscard]] bool OtherIsEnded() {
    return Number("SELECT count(*) FROM pg_stat_activity WHERE pid = " + std::to_string(pid_)) == 0;
  }
  [[nodiscard]] bool WasRefusedALock() const {
    return postgres_.log().find("due to lock timeout") != std::string::npos;
  }

  Database other_{options_.conninfo + " application_name=usage-ingestd/lane-0"};
  std::int64_t pid_ = 0;
};

// The story: two waits of three seconds went by before a session that was stopped in its turn was
// looked for, and the others went on after more than ten seconds.
TEST_F(TurnTest, ASessionThatIsStoppedIsEndedDuringTheFirstWait) {
  MustWrite(1, 0);
  EXPECT_FALSE(WasRefusedALock());
  EXPECT_TRUE(support::WaitUntil(support::After(60s), [this] { return OtherIsEnded(); }));
}

// It is idle between its statements, but never for long. All together take longer than a session
// that is stopped has.
TEST_F(TurnTest, ASessionThatWorksIsWaitedFor) {
  std::jthread works([this] {
    for (int i = 0; i < 20 && !OtherIsEnded(); ++i) {
      other_.Execute("SELECT 1");
      static_cast<void>(support::HoldsFor(100ms, [] { return true; }));
    }
    EXPECT_FALSE(OtherIsEnded());
    other_.Execute("COMMIT");
  });
  MustWrite(1, 0);
  works.join();
}

// A letter of a retry that was stopped: no turn is waited for, and the wait comes after the sums.
TEST_F(TurnTest, ASessionThatIsStoppedWithALetterIsEnded) {
  other_.Execute("COMMIT; SET idle_in_transaction_session_timeout = '10s'");  // as the daemon's
  Add(1);
  AddNoJson();
  other_.Execute("BEGIN");
  other_.Execute(
      "INSERT INTO usage_ingest.dead_letters (group_id, topic, partition, record_offset, reason) "
      "VALUES ('g', 't', 0, 2, 'invalid_json')");
  const auto written = Write();
  ASSERT_TRUE(written) << written.error().context;
  EXPECT_EQ(written->outcomes.inserted, 2);
  EXPECT_TRUE(support::WaitUntil(support::After(60s), [this] { return OtherIsEnded(); }));
  EXPECT_EQ(postgres_.log().find("idle-in-transaction timeout"), std::string::npos);
}

// Only sessions of the daemon may be ended.
TEST_F(TurnTest, AnotherProgramIsNotEnded) {
  other_.Execute("SET application_name = 'psql'");
  std::jthread leaves([this] {
    EXPECT_TRUE(support::WaitUntil(support::After(60s), [this] { return WasRefusedALock(); }));
    other_.Execute("COMMIT");
  });
  MustWrite(1, 0);
}

class FewLocksTest : public IsolationTest {
 protected:
  FewLocksTest()
      : IsolationTest(
            {.fsync = false,
             .settings = {{"max_locks_per_transaction", "10"}, {"max_connections", "20"}}}) {}
};

// The story: 53200 with 118 months in one batch, at the same size without end.
TEST_F(FewLocksTest, ABatchOfMoreMonthsThanLocks) {
  const std::int64_t now = pipeline::SystemClock().WallNow().value;
  for (unsigned month = 0; month < 118; ++month) {
    Add(month % 2, now - std::int64_t{month} * 30 * 86'400 * kSecond);
  }
  const auto written = Write();
  ASSERT_TRUE(written) << written.error().context;
  EXPECT_EQ(written->outcomes.inserted + written->outcomes.dead_lettered, 118);
  EXPECT_GT(written->outcomes.inserted, 0);
  if (written->outcomes.dead_lettered != 0) ExpectLetters("resources_exceeded", "53200");
}

}  // namespace
}  // namespace usage_ingest::postgres
