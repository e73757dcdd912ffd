// Whose usage it is: each rule of docs/events.md, "Whose usage it is", asked of the one statement
// that knows them, as the lanes ask it.
#include "ingest/postgres/batch/pg_batch_store.h"
#include "ingest/postgres/batch/progress_store.h"
#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/integration/postgres/run_task.h"

namespace usage_ingest::postgres {
namespace {

// Ids that can be read: kind, then number.
std::string Id(char kind, int number) {
  std::string digits = std::to_string(1000 + number);
  return "00000000-0000-4000-8000-00000000" + digits.replace(0, 1, std::string(1, kind));
}
std::string User(int n) { return Id('a', n); }
std::string Subscription(int n) { return Id('b', n); }
std::string Key(int n) { return Id('c', n); }
std::string Team(int n) { return Id('d', n); }
std::string Hash(char digit) { return std::string(64, digit); }

class AttributionTest : public PostgresTest {
 protected:
  void SetUp() override {
    database_ = std::make_unique<Database>(CreateMigrated("litemaas"));
    for (int i = 1; i <= 3; ++i) {
      const std::string n = std::to_string(i);
      database_->Execute(
          "INSERT INTO users (id, username, email, oauth_provider, oauth_id) VALUES ('" + User(i) +
          "', 'u" + n + "', 'u" + n + "', 'o', 'u" + n + "')");
      database_->Execute("INSERT INTO teams (id, name, litellm_team_id) VALUES ('" + Team(i) +
                         "', 't" + n + "', 'litellm-" + n + "')");
    }
    database_->Execute(
        "INSERT INTO models (id, name, provider) VALUES ('gpt', 'g', 'x'), ('other', 'o', 'x')");
    store_ = std::make_unique<batch::PgBatchStore>(
        io_.get_executor(),
        batch::PgBatchStoreOptions{.conninfo = postgres_.conninfo("litemaas"),
                                   .application_name = "test"},
        *progress_);
    ASSERT_TRUE(RunTask(io_, store_->Connect()));
  }

  void AddSubscription(int number, int user, const std::string& status = "active",
                       const std::string& created_at = "now()", const std::string& model = "gpt",
                       const std::string& team = "NULL") {
    database_->Execute(
        "INSERT INTO subscriptions (id, user_id, model_id, status, created_at, team_id) VALUES ('" +
        Subscription(number) + "', '" + User(user) + "', '" + model + "', '" + status + "', " +
        created_at + ", " + team + ")");
  }
  // `more` are further columns: ", is_active" and ", false".
  void AddKey(int number, int user, const std::string& hash, const std::string& columns = "",
              const std::string& values = "") {
    database_->Execute("INSERT INTO api_keys (id, user_id, key_hash, key_prefix" + columns +
                       ") VALUES ('" + Key(number) + "', '" + User(user) + "', '" + hash +
                       "', 'sk-'" + values + ")");
  }
  std::vector<pipeline::AttributionAnswer> Ask(
      const std::vector<pipeline::AttributionQuestion>& questions) {
    auto answers = RunTask(io_, store_->Attribute(questions));
    EXPECT_TRUE(answers) << answers.error().context;
    return answers.value_or(std::vector<pipeline::AttributionAnswer>{});
  }
  void SetKey(int number, const std::string& column, const std::string& value) {
    database_->Execute("UPDATE api_keys SET " + column + " = '" + value + "' WHERE id = '" +
                       Key(number) + "'");
  }
  // Of the user of the same number.
  void AddRotatedKey(int number, const std::string& before, const std::string& now) {
    AddKey(number, number, before);
    SetKey(number, "key_hash", now);
  }
  std::string Sha256(const std::string& text) {
    return database_->Value("SELECT encode(sha256($1::bytea), 'hex')", {text});
  }
  // "subscription key team", "-" for none; or what is missing.
  std::string Owner(const pipeline::AttributionQuestion& question) {
    const pipeline::AttributionAnswer answer = Ask({question}).at(0);
    if (!answer.owner) return std::string(answer.missing);
    const auto name = [](const Uuid& id) { return id.is_nil() ? "-" : id.ToString().substr(32); };
    return name(answer.owner->subscription_id) + ' ' + name(answer.owner->api_key_id) + ' ' +
           name(answer.owner->team_id);
  }

  boost::asio::io_context io_;
  std::unique_ptr<Database> database_;
  const std::unique_ptr<batch::ProgressStore> progress_ = batch::MakeGroupProgress("test");
  std::unique_ptr<batch::PgBatchStore> store_;
};

constexpr const char* kNoKey = "no api key has this hash, and no user is named";
constexpr const char* kNobody = "neither a known key nor a known user is named";
constexpr const char* kNoSubscription = "the user has no subscription to this model";

TEST_F(AttributionTest, ByTheHashOfAKey) {
  AddSubscription(1, 1);
  AddKey(1, 1, Hash('a'));
  EXPECT_EQ(Owner({.key_hash = Hash('a'), .model_id = "gpt"}), "b001 c001 -");
  EXPECT_EQ(Owner({.key_hash = Hash('a'), .model_id = "other"}), kNoSubscription);
  EXPECT_EQ(Owner({.key_hash = Hash('b'), .model_id = "gpt"}), kNoKey);
}

TEST_F(AttributionTest, HashesCompareInLowerCase) {
  AddSubscription(1, 1);
  AddKey(1, 1, Hash('A'));
  EXPECT_EQ(Owner({.key_hash = Hash('a'), .model_id = "gpt"}), "b001 c001 -");
}

// Databases of the seed's time keep the key itself, beside a hash that has nothing to do with it.
TEST_F(AttributionTest, ByTheSha256OfAKeyOfTheSeedsTime) {
  AddSubscription(1, 1);
  AddKey(1, 1, "unrelated", ", lite_llm_key_value", ", 'sk-secret'");
  EXPECT_EQ(Owner({.key_hash = Sha256("sk-secret"), .model_id = "gpt"}), "b001 c001 -");
}

// As of a key's hash, a late event may carry the SHA-256 of what the key was.
TEST_F(AttributionTest, ARotatedKeyOfTheSeedsTimeIsFoundByItsOldValue) {
  AddSubscription(1, 1);
  AddKey(1, 1, "unrelated", ", lite_llm_key_value", ", 'sk-old'");
  SetKey(1, "lite_llm_key_value", "sk-new");
  EXPECT_EQ(Owner({.key_hash = Sha256("sk-old"), .model_id = "gpt"}), "b001 c001 -");
  EXPECT_EQ(Owner({.key_hash = Sha256("sk-new"), .model_id = "gpt"}), "b001 c001 -");
  // Emptied, as when LiteMaaS no longer keeps the key itself.
  SetKey(1, "lite_llm_key_value", "");
  EXPECT_EQ(Owner({.key_hash = Sha256("sk-new"), .model_id = "gpt"}), "b001 c001 -");
  EXPECT_EQ(Owner({.key_hash = Sha256(""), .model_id = "gpt"}), kNoKey) << "no value is no key";
}

// Of two keys the later wins, else the smaller id. So in the tests of a rule before these its
// winner is neither: it would win without the rule.
TEST_F(AttributionTest, AKeysHashWinsOverTheSha256OfAnother) {
  const std::string hash = Sha256("sk-secret");
  AddSubscription(1, 1);
  AddSubscription(2, 2);
  AddKey(2, 2, hash);
  AddKey(1, 1, "unrelated", ", lite_llm_key_value", ", 'sk-secret'");
  EXPECT_EQ(Owner({.key_hash = hash, .model_id = "gpt"}), "b002 c002 -");
  SetKey(2, "key_hash", Hash('b'));
  EXPECT_EQ(Owner({.key_hash = hash, .model_id = "gpt"}), "b002 c002 -") << "a rotated one too";
}

// LiteLLM's SpendLogs can have the SHA-256 of the hash.
TEST_F(AttributionTest, TheSha256OfAHashIsThatHash) {
  AddSubscription(1, 1);
  AddSubscription(2, 2);
  AddKey(1, 1, Hash('A'), ", lite_llm_key_value", ", 'sk-old'");
  const std::string sha256_of_hash = Sha256(Hash('a'));
  const std::string sha256_of_value_hash = Sha256(Sha256("sk-old"));
  EXPECT_EQ(Owner({.key_hash = sha256_of_hash, .model_id = "gpt"}), "b001 c001 -");
  EXPECT_EQ(Owner({.key_hash = sha256_of_value_hash, .model_id = "gpt"}), "b001 c001 -");
  SetKey(1, "key_hash", Hash('b'));
  SetKey(1, "lite_llm_key_value", "sk-new");
  for (const std::string& hash :
       {sha256_of_hash, sha256_of_value_hash, Sha256(Hash('b')), Sha256(Sha256("sk-new"))}) {
    EXPECT_EQ(Owner({.key_hash = hash, .model_id = "gpt"}), "b001 c001 -") << "rotated";
  }
  // The key that has the hash now wins over one that had it later.
  AddKey(2, 2, Hash('A'));
  AddRotatedKey(3, Hash('a'), Hash('d'));
  EXPECT_EQ(Owner({.key_hash = sha256_of_hash, .model_id = "gpt"}), "b002 c002 -");
  EXPECT_EQ(Owner({.key_hash = Sha256(sha256_of_hash), .model_id = "gpt"}), kNoKey) << "not thrice";
}

// As a restore with --disable-triggers, or logical replication, brings keys.
TEST_F(AttributionTest, AKeyThatNoTriggerSawIsFoundByItsHash) {
  AddSubscription(1, 1);
  database_->Execute("SET session_replication_role = replica");
  AddKey(1, 1, Hash('a'));
  ASSERT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.key_history"), 0);
  EXPECT_EQ(Owner({.key_hash = Hash('a'), .model_id = "gpt"}), "b001 c001 -");
}

TEST_F(AttributionTest, WhoHasTheHashWinsOverWhoHadIt) {
  AddSubscription(1, 1);
  AddSubscription(2, 2);
  AddRotatedKey(2, Hash('a'), Hash('b'));
  AddRotatedKey(1, Hash('a'), Hash('c'));
  // It had the hash before the other; upper case is the same hash.
  SetKey(2, "key_hash", Hash('A'));
  EXPECT_EQ(Owner({.key_hash = Hash('a'), .model_id = "gpt"}), "b002 c002 -");
}

TEST_F(AttributionTest, OfTwoThatHadTheHashTheLaterWins) {
  AddSubscription(1, 1);
  AddSubscription(2, 2);
  AddRotatedKey(1, Hash('a'), Hash('b'));
  AddRotatedKey(2, Hash('a'), Hash('c'));
  EXPECT_EQ(Owner({.key_hash = Hash('a'), .model_id = "gpt"}), "b002 c002 -");
}

TEST_F(AttributionTest, InactiveRevokedAndExpiredKeysCount) {
  AddSubscription(1, 1);
  AddKey(1, 1, Hash('a'), ", is_active", ", false");
  AddKey(2, 1, Hash('b'), ", revoked_at", ", now() - interval '1 year'");
  AddKey(3, 1, Hash('c'), ", expires_at", ", now() - interval '1 year'");
  EXPECT_EQ(Owner({.key_hash = Hash('a'), .model_id = "gpt"}), "b001 c001 -");
  EXPECT_EQ(Owner({.key_hash = Hash('b'), .model_id = "gpt"}), "b001 c002 -");
  EXPECT_EQ(Owner({.key_hash = Hash('c'), .model_id = "gpt"}), "b001 c003 -");
}

TEST_F(AttributionTest, ARotatedKeyIsFoundByItsOldHash) {
  AddSubscription(1, 1);
  AddSubscription(2, 2);
  AddRotatedKey(1, Hash('a'), Hash('b'));
  EXPECT_EQ(Owner({.key_hash = Hash('a'), .model_id = "gpt"}), "b001 c001 -");
  EXPECT_EQ(Owner({.key_hash = Hash('b'), .model_id = "gpt"}), "b001 c001 -");
  // Who has the hash now wins over who had it.
  AddKey(2, 2, Hash('a'));
  EXPECT_EQ(Owner({.key_hash = Hash('a'), .model_id = "gpt"}), "b002 c002 -");
  database_->Execute("DELETE FROM api_keys WHERE id = '" + Key(2) + "'");
  EXPECT_EQ(Owner({.key_hash = Hash('a'), .model_id = "gpt"}), "b001 c001 -");
}

TEST_F(AttributionTest, WithoutAKeyByTheUser) {
  AddSubscription(1, 1);
  AddSubscription(2, 2);
  AddKey(2, 2, Hash('a'));
  EXPECT_EQ(Owner({.user_id = User(1), .model_id = "gpt"}), "b001 - -");
  EXPECT_EQ(Owner({.key_hash = Hash('f'), .user_id = User(1), .model_id = "gpt"}), "b001 - -")
      << "an unknown key";
  EXPECT_EQ(Owner({.key_hash = Hash('a'), .user_id = User(1), .model_id = "gpt"}), "b002 c002 -")
      << "the key's user counts";
  EXPECT_EQ(Owner({.user_id = User(9), .model_id = "gpt"}), kNobody);
  EXPECT_EQ(Owner({.user_id = "default_user_id", .model_id = "gpt"}), kNobody);
  EXPECT_EQ(Owner({.model_id = "gpt"}), kNobody);
  EXPECT_EQ(Owner({.user_id = User(3), .model_id = "gpt"}), kNoSubscription);
}

TEST_F(AttributionTest, TheActiveSubscriptionElseTheLatestSuspendedElseTheLatest) {
  const std::string user = User(1);
  AddSubscription(1, 1, "cancelled", "'2026-01-01'");
  EXPECT_EQ(Owner({.user_id = user, .model_id = "gpt"}), "b001 - -");
  AddSubscription(2, 1, "expired", "'2026-03-01'");
  EXPECT_EQ(Owner({.user_id = user, .model_id = "gpt"}), "b002 - -") << "the latest of any status";
  AddSubscription(3, 1, "cancelled", "NULL");
  EXPECT_EQ(Owner({.user_id = user, .model_id = "gpt"}), "b002 - -") << "no time is oldest";
  AddSubscription(4, 1, "suspended", "'2025-01-01'");
  AddSubscription(5, 1, "suspended", "'2025-06-01'");
  EXPECT_EQ(Owner({.user_id = user, .model_id = "gpt"}), "b005 - -") << "the latest suspended";
  AddSubscription(6, 1, "suspended", "'2025-06-01'");
  EXPECT_EQ(Owner({.user_id = user, .model_id = "gpt"}), "b005 - -") << "of two the smaller id";
  AddSubscription(7, 1, "active", "'2024-01-01'");
  EXPECT_EQ(Owner({.user_id = user, .model_id = "gpt"}), "b007 - -") << "the active one";
}

TEST_F(AttributionTest, TheKeysLegacySubscriptionWhenItsModelIsThisModel) {
  AddSubscription(1, 2, "active", "now()", "gpt", "'" + Team(3) + "'");
  AddKey(1, 1, Hash('a'), ", subscription_id", ", '" + Subscription(1) + "'");
  EXPECT_EQ(Owner({.key_hash = Hash('a'), .model_id = "gpt"}), "b001 c001 d003");
  EXPECT_EQ(Owner({.key_hash = Hash('a'), .model_id = "other"}), kNoSubscription);
  AddSubscription(2, 1, "cancelled");
  EXPECT_EQ(Owner({.key_hash = Hash('a'), .model_id = "gpt"}), "b002 c001 -")
      << "one of the user's own wins, whatever its status";
}

TEST_F(AttributionTest, TheTeamOfTheEventElseOfTheKeyElseOfTheSubscription) {
  AddSubscription(1, 1, "active", "now()", "gpt", "'" + Team(3) + "'");
  AddKey(1, 1, Hash('a'), ", team_id", ", '" + Team(2) + "'");
  AddKey(2, 1, Hash('b'));
  const std::string with_team = Hash('a');
  const std::string without = Hash('b');
  const std::string id = Team(1);
  EXPECT_EQ(Owner({.key_hash = with_team, .team_id = id, .model_id = "gpt"}), "b001 c001 d001");
  EXPECT_EQ(Owner({.key_hash = with_team, .team_id = "litellm-1", .model_id = "gpt"}),
            "b001 c001 d001");
  for (const char* unknown : {"", "litellm-9", "00000000-0000-4000-8000-00000000d009"}) {
    EXPECT_EQ(Owner({.key_hash = with_team, .team_id = unknown, .model_id = "gpt"}),
              "b001 c001 d002")
        << unknown;
    EXPECT_EQ(Owner({.key_hash = without, .team_id = unknown, .model_id = "gpt"}), "b001 c002 d003")
        << unknown;
  }
  // A team's own id wins over the same text as another team's name in LiteLLM.
  database_->Execute("UPDATE teams SET litellm_team_id = '" + id + "' WHERE id = '" + Team(2) +
                     "'");
  EXPECT_EQ(Owner({.key_hash = without, .team_id = id, .model_id = "gpt"}), "b001 c002 d001");
}

// One query answers all questions of a batch, in their order.
TEST_F(AttributionTest, AnswersInTheOrderOfTheQuestions) {
  AddSubscription(1, 1);
  AddSubscription(2, 2);
  const std::string first = User(1);
  const std::string second = User(2);
  std::vector<pipeline::AttributionQuestion> questions;
  for (int i = 0; i < 3'000; ++i) {
    questions.push_back({.user_id = i % 3 == 0   ? std::string_view(first)
                                    : i % 3 == 1 ? std::string_view(second)
                                                 : "",
                         .model_id = "gpt"});
  }
  const std::vector<pipeline::AttributionAnswer> answers = Ask(questions);
  ASSERT_EQ(answers.size(), questions.size());
  for (std::size_t i = 0; i < answers.size(); ++i) {
    ASSERT_EQ(answers[i].owner.has_value(), i % 3 != 2) << i;
    if (i % 3 == 2) continue;
    EXPECT_EQ(answers[i].owner->subscription_id.ToString(),
              Subscription(1 + static_cast<int>(i % 3)));
  }
}

}  // namespace
}  // namespace usage_ingest::postgres
