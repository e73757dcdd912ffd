// What keeps attribution right: parents that are locked, hashes that are remembered, changes that
// are announced.
#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <string_view>
#include <thread>

#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/support/wait.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::chrono_literals;

class ReferencesTest : public PostgresTest {
 protected:
  void SetUp() override {
    database_ = std::make_unique<Database>(CreateMigrated("litemaas"));
    Populate(*database_, 3);
  }

  static std::string LockAll() {
    return "SELECT kind, id FROM usage_ingest.lock_parents("
           "ARRAY(SELECT id FROM subscriptions), ARRAY(SELECT id FROM api_keys), "
           "ARRAY(SELECT id FROM teams))";
  }

  // As LiteMaaS' own role: rights on its tables, none on our schema.
  Database ConnectAsLiteMaas() {
    CreateRole("litemaas");
    database_->Execute(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO litemaas");
    return Database(postgres_.conninfo("litemaas", "litemaas"));
  }

  std::unique_ptr<Database> database_;
};

class AnnouncementTest : public ReferencesTest {
 protected:
  void SetUp() override {
    ReferencesTest::SetUp();
    litemaas_ = std::make_unique<Database>(ConnectAsLiteMaas());
    listener_ = std::make_unique<Database>(postgres_.conninfo("litemaas"));
    listener_->Execute("LISTEN usage_ingest_references");
  }
  // The tables that are announced when LiteMaaS does this, each with a space behind it.
  std::string Announced(const std::string& sql) {
    litemaas_->Execute(sql);
    listener_->Execute("SELECT 1");
    std::string tables;
    for (const auto& [channel, payload] : listener_->Notifications()) {
      if (channel == "usage_ingest_references") tables += payload + " ";
    }
    return tables;
  }

  std::unique_ptr<Database> litemaas_;
  std::unique_ptr<Database> listener_;
};

TEST_F(ReferencesTest, LockParentsNamesExactlyThoseThatAreGone) {
  const std::string gone = "11111111-1111-1111-1111-111111111111";
  EXPECT_TRUE(database_->Lines(LockAll()).empty());
  EXPECT_EQ(database_->Lines("SELECT kind, id FROM usage_ingest.lock_parents("
                             "ARRAY(SELECT id FROM subscriptions) || '" +
                             gone +
                             "'::uuid, "
                             "ARRAY['" +
                             gone + "'::uuid], ARRAY['" + gone + "'::uuid])"),
            (std::vector<std::string>{"api_key\t" + gone + "\t", "subscription\t" + gone + "\t",
                                      "team\t" + gone + "\t"}));
  EXPECT_TRUE(
      database_->Lines("SELECT * FROM usage_ingest.lock_parents('{}', '{}', '{}')").empty());
}

TEST_F(ReferencesTest, LockedParentsStayUntilCommit) {
  Database writer = postgres_.Connect("litemaas");
  writer.Execute("BEGIN; " + LockAll());
  database_->Execute("SET lock_timeout = '50ms'");
  EXPECT_EQ(SqlstateOf(*database_, "DELETE FROM subscriptions"), "55P03");
  EXPECT_EQ(SqlstateOf(*database_, "DELETE FROM api_keys"), "55P03");
  EXPECT_EQ(SqlstateOf(*database_, "DELETE FROM teams"), "55P03");
  // LiteMaaS resets quotas at the same time: that changes no key.
  EXPECT_EQ(SqlstateOf(*database_, "UPDATE subscriptions SET used_requests = 0"), "");
  writer.Execute("COMMIT");
  EXPECT_EQ(SqlstateOf(*database_, "DELETE FROM subscriptions"), "");
}

TEST_F(ReferencesTest, LockParentsWaitsForADeletionAndThenSaysGone) {
  Database deleter = postgres_.Connect("litemaas");
  const std::string id = database_->Value("SELECT id FROM subscriptions ORDER BY id LIMIT 1");
  deleter.Execute("BEGIN; DELETE FROM subscriptions WHERE id = '" + id + "'");
  std::vector<std::string> gone;
  std::jthread waiter([&] {
    Database writer = postgres_.Connect("litemaas");
    gone = writer.Lines("SELECT kind, id FROM usage_ingest.lock_parents(ARRAY['" + id +
                        "'::uuid], '{}', '{}')");
  });
  ASSERT_TRUE(support::WaitUntil(support::After(10s), [&] {
    return database_->Number(
               "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
               "AND query LIKE '%lock_parents%'") == 1;
  }));
  deleter.Execute("COMMIT");
  waiter.join();
  EXPECT_EQ(gone, std::vector<std::string>{"subscription\t" + id + "\t"});
}

TEST_F(ReferencesTest, RotatedKeysAreRememberedForLiteMaasOwnRole) {
  Database litemaas = ConnectAsLiteMaas();
  litemaas.Execute(
      "UPDATE api_keys SET key_hash = 'ABC' || id, lite_llm_key_value = 'sk-new' || id");
  // Two hashes a key before, two after, and the SHA-256 of each; the hash is lower case, the
  // value's SHA-256 hex.
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.key_history"), 6 * 8);
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.key_history h JOIN api_keys k ON "
                              "k.id = h.api_key_id WHERE (h.kind = 'key_hash' AND h.key_hash = "
                              "lower(k.key_hash)) OR (h.kind = 'value_sha256' AND h.key_hash = "
                              "encode(sha256(k.lite_llm_key_value::bytea), 'hex'))"),
            6 * 2);
  litemaas.Execute(
      "UPDATE api_keys SET last_used_at = now(); DELETE FROM api_keys WHERE id = "
      "(SELECT id FROM api_keys LIMIT 1)");
  EXPECT_EQ(database_->Number("SELECT count(*) FROM usage_ingest.key_history"), 5 * 8);
}

TEST_F(ReferencesTest, AHashThatCannotBeRememberedDoesNotStopLiteMaas) {
  Database litemaas = ConnectAsLiteMaas();
  database_->Execute("ALTER TABLE usage_ingest.key_history RENAME TO elsewhere");
  EXPECT_EQ(SqlstateOf(litemaas, "UPDATE api_keys SET key_hash = 'x' || id"), "");
  EXPECT_EQ(SqlstateOf(litemaas,
                       "INSERT INTO api_keys (user_id, key_hash, key_prefix) SELECT id, 'y' || id, "
                       "'sk' FROM users"),
            "");
}

// What docs/events.md, "Attribution", reads: an UPDATE of these is announced, of no other column.
constexpr std::string_view kReadByAttribution[] = {
    "users.id",
    "models.id",
    "teams.id",
    "teams.litellm_team_id",
    "subscriptions.id",
    "subscriptions.user_id",
    "subscriptions.model_id",
    "subscriptions.team_id",
    "subscriptions.status",
    "subscriptions.created_at",
    "api_keys.id",
    "api_keys.user_id",
    "api_keys.subscription_id",
    "api_keys.team_id",
    "api_keys.key_hash",
    "api_keys.lite_llm_key_value",
};

TEST_F(AnnouncementTest, OnlyUpdatesOfWhatAttributionReads) {
  std::size_t announced = 0;
  for (const support::Row& row : database_->Query(
           "SELECT table_name, column_name FROM information_schema.columns "
           "WHERE table_schema = 'public' AND is_generated = 'NEVER' AND "
           "table_name IN ('users', 'models', 'teams', 'subscriptions', 'api_keys')")) {
    const std::string& table = *row[0];
    const std::string& column = *row[1];
    const bool is_read = std::ranges::count(kReadByAttribution, table + '.' + column) != 0;
    // Statement triggers ask which columns are set, not to what.
    EXPECT_EQ(Announced("UPDATE " + table + " SET " + column + " = " + column),
              is_read ? table + ' ' : "")
        << table << '.' << column;
    announced += is_read ? 1 : 0;
  }
  EXPECT_EQ(announced, std::size(kReadByAttribution)) << "a column that is not there";
}

struct RowOfTable {
  std::string_view table;
  std::string_view values;
  std::string_view where;  // what names the row
};

// The later refer to the earlier.
constexpr RowOfTable kRows[] = {
    {"users", "(username, email, oauth_provider, oauth_id) VALUES ('n', 'n', 'n', 'n')",
     "username = 'n'"},
    {"models", "(id, name, provider) VALUES ('n', 'n', 'n')", "id = 'n'"},
    {"teams", "(name) VALUES ('n')", "name = 'n'"},
    {"subscriptions", "(user_id, model_id) SELECT id, 'n' FROM users WHERE username = 'n'",
     "model_id = 'n'"},
    {"api_keys",
     "(user_id, key_hash, key_prefix) SELECT id, 'n', 'n' FROM users WHERE username = 'n'",
     "key_hash = 'n'"},
};

TEST_F(AnnouncementTest, RowsThatComeAndGo) {
  for (const auto& [table, values, where] : kRows) {
    EXPECT_EQ(Announced(fmt::format("INSERT INTO {} {}", table, values)),
              fmt::format("{} ", table));
  }
  for (const auto& [table, values, where] : kRows | std::views::reverse) {
    // The tables that it cascades to may be announced as well.
    const std::string tables = Announced(fmt::format("DELETE FROM {} WHERE {}", table, where));
    EXPECT_TRUE(Holds(' ' + tables, fmt::format(" {} ", table))) << table << ": " << tables;
  }
}

}  // namespace
}  // namespace usage_ingest::postgres
