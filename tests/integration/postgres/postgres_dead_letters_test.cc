// The retry of dead letters on a real PostgreSQL: which ones, in which order, how many, and what
// they become.
#include "ingest/postgres/background/dead_letter_retrier.h"
#include "ingest/postgres/batch/statements.h"
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/integration/postgres/run_task.h"

namespace usage_ingest::postgres {
namespace {

class HealedCounter final : public pipeline::TelemetrySink {
 public:
  void On(const pipeline::TelemetryEvent& event) override {
    if (const auto* more = std::get_if<pipeline::DeadLettersHealed>(&event)) healed += more->count;
  }

  std::int64_t healed = 0;
};

constexpr const char* kRetryLock = "hashtextextended('usage_ingest.dead_letters retry', 0)";
constexpr const char* kMissingUser = "00000000-0000-4000-8000-000000000001";

class DeadLettersTest : public PostgresTest {
 protected:
  void SetUp() override {
    database_ = std::make_unique<Database>(CreateMigrated("litemaas"));
    Populate(*database_, 1);
    user_ = database_->Value("SELECT id FROM users WHERE username = 'user1'");
    start_ = database_->Value("SELECT extract(epoch FROM now())");
    retrier_ = MakeRetrier();
  }

  std::unique_ptr<background::DeadLetterRetrier> MakeRetrier() {
    return std::make_unique<background::DeadLetterRetrier>(
        batch::PgBatchStoreOptions{.conninfo = postgres_.conninfo("litemaas"),
                                   .application_name = "test"},
        event::DecoderOptions{.metadata_keys = event::AllMetadataKeys()}, telemetry_,
        pipeline::Runtime{io_.get_executor(), clock_});
  }
  [[nodiscard]] std::string Event(const std::string& id, const std::string& user,
                                  const std::string& tokens = "5") const {
    return R"({"id":")" + id + R"(","startTime":)" + start_ + R"(,"model_group":"model-a",)" +
           R"("prompt_tokens":)" + tokens + R"(,"metadata":{"user_api_key_user_id":")" + user +
           R"("}})";
  }
  // A letter at the next offset.
  void Add(const std::string& payload, const std::string& reason = "unattributed",
           const std::string& attempts = "0", const std::string& last_attempt_at = "NULL",
           const std::string& first_seen_at = "now()") {
    database_->Execute(
        "INSERT INTO usage_ingest.dead_letters (group_id, topic, partition, record_offset, reason, "
        "payload, attempts, last_attempt_at, first_seen_at) VALUES ('g', 't', 0, " +
            std::to_string(next_offset_++) + ", '" + reason + "', convert_to($1, 'UTF8'), " +
            attempts + ", " + last_attempt_at + ", " + first_seen_at + ")",
        {payload});
  }
  void AddUnattributed(int count) {
    for (int i = 0; i < count; ++i) Add(Event("e" + std::to_string(next_offset_), kMissingUser));
  }
  Result<background::RetryReport> Retry(const background::DeadLetterSelection& selection) {
    return RunTask(io_, retrier_->Retry(selection));
  }
  background::RetryReport MustRetry(const background::DeadLetterSelection& selection) {
    const Result<background::RetryReport> report = Retry(selection);
    EXPECT_TRUE(report) << report.error().context;
    return report.value_or(background::RetryReport{});
  }
  // Offsets of the letters that were tried at least `times`.
  std::string Tried(int times = 1) {
    return database_->Value(
        "SELECT coalesce(string_agg(record_offset::text, ' ' ORDER BY record_offset), '') "
        "FROM usage_ingest.dead_letters WHERE attempts >= " +
        std::to_string(times));
  }
  std::string States() {
    return database_->Value(
        "SELECT string_agg(state, ' ' ORDER BY record_offset) FROM usage_ingest.dead_letters");
  }

  boost::asio::io_context io_;
  pipeline::SystemClock clock_;
  HealedCounter telemetry_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<background::DeadLetterRetrier> retrier_;
  std::string user_;
  std::string start_;
  int next_offset_ = 0;
};

TEST_F(DeadLettersTest, WhoseReferencesCameBecomeRowsOnce) {
  Add(Event("known", user_));
  Add(Event("known", user_));
  Add(Event("unknown", kMissingUser));
  Add(Event("nothing", kMissingUser, "0"));
  const background::RetryReport report = MustRetry({.reasons = {"unattributed"}});
  EXPECT_EQ(States(), "resolved duplicate pending discarded");
  EXPECT_TRUE(report.is_complete);
  EXPECT_EQ(report.outcomes.events, 4);
  EXPECT_TRUE(report.outcomes.balances());
  EXPECT_EQ(telemetry_.healed, 2) << "both letters are settled by the one row";
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_logs"), 1);
  EXPECT_EQ(database_->Number("SELECT sum(used_tokens) FROM subscriptions"), 5);
  EXPECT_EQ(database_->Number("SELECT sum(total_tokens) FROM usage_summaries "
                              "WHERE period_type = 'month'"),
            5);
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.kafka_offsets"), 0)
      << "the offsets' counters are history";
  MustRetry({.reasons = {"unattributed"}});
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_logs"), 1);
  EXPECT_EQ(Tried(2), "2") << "only what is pending is tried again";
}

TEST_F(DeadLettersTest, TheOldestFirstAndNoMoreThanTheBound) {
  AddUnattributed(7);
  background::RetryReport report = MustRetry({.letters_max = 3});
  EXPECT_EQ(Tried(), "0 1 2");
  EXPECT_FALSE(report.is_complete);
  // Going on tries the rest, and nothing twice.
  report = MustRetry({.letters_max = 3, .tried_before = report.begun});
  EXPECT_EQ(Tried(), "0 1 2 3 4 5");
  report = MustRetry({.letters_max = 3, .tried_before = report.begun});
  EXPECT_EQ(Tried(), "0 1 2 3 4 5 6");
  EXPECT_TRUE(report.is_complete);
  EXPECT_EQ(Tried(2), "");
  // A new look begins with those that were not looked at for longest.
  MustRetry({.letters_max = 2});
  EXPECT_EQ(Tried(2), "0 1");
}

TEST_F(DeadLettersTest, MoreThanOneTransactionHolds) {
  database_->Execute(
      "INSERT INTO usage_ingest.dead_letters (group_id, topic, partition, record_offset, reason, "
      "payload) SELECT 'g', 't', 0, i, 'unattributed', convert_to(replace($1, 'ID', i::text), "
      "'UTF8') FROM generate_series(1, 1200) AS i",
      {Event("ID", user_)});
  const background::RetryReport report = MustRetry({});
  EXPECT_EQ(report.outcomes.inserted, 1'200);
  EXPECT_EQ(telemetry_.healed, 1'200);
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_logs"), 1'200);
}

TEST_F(DeadLettersTest, BacksOffUpToAnHour) {
  const std::string event = Event("x", kMissingUser);
  Add(event, "unattributed", "0", "NULL");
  Add(event, "unattributed", "1", "now() - interval '110 seconds'");
  Add(event, "unattributed", "1", "now() - interval '130 seconds'");
  Add(event, "unattributed", "3", "now() - interval '7 minutes'");
  Add(event, "unattributed", "3", "now() - interval '9 minutes'");
  Add(event, "unattributed", "20", "now() - interval '59 minutes'");
  Add(event, "unattributed", "20", "now() - interval '61 minutes'");
  MustRetry({.only_due = true});
  EXPECT_EQ(database_->Lines("SELECT record_offset FROM usage_ingest.dead_letters "
                             "WHERE last_attempt_at > now() - interval '30 seconds'"),
            (std::vector<std::string>{"0\t", "2\t", "4\t", "6\t"}));
  MustRetry({});
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.dead_letters "
                              "WHERE last_attempt_at > now() - interval '30 seconds'"),
            7)
      << "when references changed all are worth a look";
}

TEST_F(DeadLettersTest, OnlyWhatIsSelected) {
  Add(Event("a", kMissingUser));
  Add(Event("b", kMissingUser), "unattributed", "0", "NULL", "now() - interval '8 days'");
  Add(Event("c", kMissingUser, "-1"), "value_out_of_range");
  Add("", "unattributed");
  const EventTimeUs week_ago{clock_.WallNow().value - std::int64_t{7} * 86'400 * 1'000'000};
  MustRetry({.reasons = {"unattributed"}, .first_seen_since = week_ago});
  EXPECT_EQ(Tried(), "0") << "not the old one, not another reason, not one without a payload";
  MustRetry({.ids = {database_->Number(
                 "SELECT id FROM usage_ingest.dead_letters WHERE record_offset = 2")}});
  EXPECT_EQ(Tried(), "0 2");
}

// A million letters may wait: the next five hundred must not cost a look at all of them.
TEST_F(DeadLettersTest, TheNextOnesAreFoundWithoutSorting) {
  database_->Execute(
      "INSERT INTO usage_ingest.dead_letters (group_id, topic, partition, record_offset, reason, "
      "payload) SELECT 'g', 't', 0, i, 'unattributed', 'x' FROM generate_series(1, 20000) AS i;"
      "ANALYZE usage_ingest.dead_letters");
  std::string plan;
  for (const support::Row& line : database_->Query(
           std::string("EXPLAIN ") + batch::sql::kNextDeadLetters,
           {"unattributed", "1", "{}", "2000-01-01", "2100-01-01", "500", "1000000", "0"})) {
    plan += *line[0] + '\n';
  }
  EXPECT_TRUE(Holds(plan, "Index Scan using dead_letters_pending")) << plan;
  EXPECT_FALSE(Holds(plan, "Sort")) << plan;
}

// What is wrong now is what the letter says from then on.
TEST_F(DeadLettersTest, AnotherReasonIsNoted) {
  Add(Event("a", kMissingUser), "value_out_of_range");
  MustRetry({});
  EXPECT_EQ(database_->Value("SELECT reason || ': ' || detail FROM usage_ingest.dead_letters"),
            "unattributed: neither a known key nor a known user is named");
}

TEST_F(DeadLettersTest, OneInstanceAtATime) {
  AddUnattributed(1);
  Database other = postgres_.Connect("litemaas");
  other.Execute(std::string("SELECT pg_advisory_lock(") + kRetryLock + ")");
  const Result<background::RetryReport> refused = Retry({});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kFenced);
  EXPECT_EQ(Tried(), "");
  other.Execute(std::string("SELECT pg_advisory_unlock(") + kRetryLock + ")");
  MustRetry({});
  EXPECT_EQ(Tried(), "0");
}

// The session of a retry lives on; a failure in the middle used to leave its lock with it, and no
// other instance could retry until this one ended.
TEST_F(DeadLettersTest, AFailureGivesTheLockBack) {
  AddUnattributed(1);
  database_->Execute("ALTER TABLE usage_ingest.dead_letters RENAME TO elsewhere");
  EXPECT_FALSE(Retry({}));
  database_->Execute("ALTER TABLE usage_ingest.elsewhere RENAME TO dead_letters");
  EXPECT_EQ(database_->Value(std::string("SELECT pg_try_advisory_lock(") + kRetryLock + ")"), "t");
}

// What was healed before a failure is healed, and must be seen.
TEST_F(DeadLettersTest, AHealIsReportedWhateverComesAfterIt) {
  database_->Execute(
      "INSERT INTO usage_ingest.dead_letters (group_id, topic, partition, record_offset, reason, "
      "payload) SELECT 'g', 't', 0, i, 'unattributed', convert_to(replace($1, 'ID', i::text), "
      "'UTF8') FROM generate_series(1, 501) AS i",
      {Event("ID", user_)});
  // The first transaction has 500; the UPDATE of the last letter fails for good.
  database_->Execute(
      "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN RAISE EXCEPTION USING ERRCODE = ''28000''; END';"
      "CREATE TRIGGER refuse BEFORE UPDATE ON usage_ingest.dead_letters FOR EACH ROW "
      "WHEN (new.record_offset = 501) EXECUTE FUNCTION refuse()");
  EXPECT_FALSE(Retry({}));
  EXPECT_EQ(telemetry_.healed, 500);
}

// A record that was too large can be an array: stripped of its prompts it comes back as several
// events. One that is still refused must not disappear with those that are booked.
TEST_F(DeadLettersTest, AStrippedArrayStaysPendingWhileOneElementIsRefused) {
  const std::string good = Event("a", user_) + ',' + Event("b", user_);
  Add('[' + good + ',' + Event("c", kMissingUser) + ',' + Event("d", user_) + ']',
      "record_too_large");
  MustRetry({});
  EXPECT_EQ(States(), "pending");
  EXPECT_EQ(database_->Value("SELECT reason FROM usage_ingest.dead_letters"), "unattributed");
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_logs"), 3);
  database_->Execute(
      "INSERT INTO users (id, username, email, oauth_provider, oauth_id) VALUES "
      "($1, 'late', 'late', 'oauth', 'late')",
      {kMissingUser});
  database_->Execute(
      "INSERT INTO subscriptions (user_id, model_id, status) VALUES ($1, 'model-a', 'active')",
      {kMissingUser});
  MustRetry({});
  EXPECT_EQ(States(), "resolved");
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_logs"), 4);
}

}  // namespace
}  // namespace usage_ingest::postgres
