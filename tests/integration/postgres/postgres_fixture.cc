#include "tests/integration/postgres/postgres_fixture.h"

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "ingest/postgres/probe/grants.h"
#include "tests/support/child_process.h"
#include "tests/support/postgres/migrated_data.h"

namespace usage_ingest::postgres {

namespace {

constexpr char kMigrated[] = "migrated";

support::PostgresOptions Prepared(support::PostgresOptions options) {
  options.data = support::MigratedData("postgres", [](support::PostgresCluster& postgres) {
    postgres.CreateDatabase(kMigrated);
    std::ostringstream output;
    const Result<> done = migrate::Migrate(postgres.conninfo(kMigrated, "postgres"), {}, output);
    if (!done) throw std::runtime_error(done.error().context + "\n" + output.str());
  });
  return options;
}

}  // namespace

PostgresTest::PostgresTest(const support::PostgresOptions& options)
    : postgres_(Prepared(options)) {}

Database PostgresTest::Create(const std::string& name) {
  postgres_.CreateDatabase(name);
  return postgres_.Connect(name);
}

Database PostgresTest::CreateSeed(const std::string& name) {
  Database database = Create(name);
  database.Execute(ReadTestData("seed/schema.sql"));
  return database;
}

Database PostgresTest::CreateFilled(const std::string& name) {
  Database database = Create(name);
  database.Execute(ReadTestData("databases/filled_without_usage.sql"));
  return database;
}

Database PostgresTest::CreateFilledWithPlainUsage(const std::string& name) {
  Database database = CreateFilled(name);
  database.Execute(ReadTestData("databases/filled_with_plain_usage.sql"));
  return database;
}

Database PostgresTest::CreateMigrated(const std::string& name) {
  postgres_.Connect("postgres")
      .Execute("CREATE DATABASE " + blocking::QuoteIdentifier(name) + " TEMPLATE " + kMigrated);
  return postgres_.Connect(name);
}

MigrateOutcome PostgresTest::Migrate(const std::string& name,
                                     const migrate::MigrateOptions& options,
                                     const std::string& user) {
  std::ostringstream output;
  Result<> result = migrate::Migrate(postgres_.conninfo(name, user), options, output);
  return {.result = std::move(result), .output = output.str()};
}

std::string PostgresTest::MustMigrate(const std::string& name) {
  const MigrateOutcome outcome = Migrate(name);
  EXPECT_TRUE(outcome.result) << outcome.result.error().context << "\n" << outcome.output;
  return outcome.output;
}

blocking::SyncConnection PostgresTest::Open(const std::string& name, const std::string& user) {
  auto connection = blocking::SyncConnection::Open(postgres_.conninfo(name, user), "test");
  if (!connection) throw std::runtime_error(connection.error().context);
  return std::move(*connection);
}

probe::ProbeReport PostgresTest::Probe(const std::string& name, const std::string& user) {
  auto report = probe::ProbeDatabase(postgres_.conninfo(name, user));
  if (!report) throw std::runtime_error(report.error().context);
  return std::move(*report);
}

void PostgresTest::CreateRole(const std::string& role) {
  postgres_.Connect("postgres")
      .Execute("CREATE ROLE " + blocking::QuoteIdentifier(role) + " LOGIN");
}

void PostgresTest::CreateDaemonRole(const std::string& role, const std::string& database,
                                    bool fast) {
  CreateRole(role);
  Database admin = postgres_.Connect(database);
  admin.Execute(probe::GrantsFor(role, database));
  if (!fast) {
    admin.Execute("REVOKE SET ON PARAMETER session_replication_role FROM " +
                  blocking::QuoteIdentifier(role));
  }
}

void Populate(Database& database, int users) {
  const std::string count = std::to_string(users);
  database.Execute(
      "INSERT INTO users (username, email, oauth_provider, oauth_id) SELECT 'user' || i, "
      "'user' || i || '@example.com', 'oauth', i FROM generate_series(1, " +
      count +
      ") AS i;"
      "INSERT INTO models (id, name, provider) VALUES ('model-a', 'A', 'x'), ('model-b', 'B', 'y');"
      "INSERT INTO subscriptions (user_id, model_id, status, quota_requests, quota_tokens) "
      "SELECT id, model, 'active', 2000000000, 2000000000 "
      "FROM users, unnest(ARRAY['model-a', 'model-b']) AS model;"
      "INSERT INTO api_keys (user_id, subscription_id, key_hash, key_prefix, lite_llm_key_value) "
      "SELECT user_id, id, encode(sha256(id::text::bytea), 'hex'), 'sk-', 'sk-' || id "
      "FROM subscriptions");
}

std::vector<std::string> CatalogueLines(Database& database) {
  return database.Lines(R"sql(
    WITH ours AS (
      SELECT c.oid, c.oid::regclass::text AS name, c.relkind FROM pg_class AS c
       WHERE c.relnamespace IN (SELECT oid FROM pg_namespace
                                 WHERE nspname IN ('public', 'usage_ingest'))
         AND NOT c.relispartition
    )
    SELECT format('table %s %s', name, relkind) FROM ours WHERE relkind IN ('r', 'p', 'v')
    UNION ALL
    SELECT format('column %s.%s %s %s %s %s', name, a.attname,
                  format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated,
                  pg_get_expr(d.adbin, d.adrelid))
      FROM ours JOIN pg_attribute AS a ON a.attrelid = oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE relkind IN ('r', 'p', 'v')
    UNION ALL
    SELECT 'index ' || pg_get_indexdef(oid) FROM ours WHERE relkind IN ('i', 'I')
    UNION ALL
    SELECT format('constraint %s %s %s', name, k.conname, pg_get_constraintdef(k.oid))
      FROM ours JOIN pg_constraint AS k ON k.conrelid = ours.oid
    UNION ALL
    SELECT 'trigger ' || pg_get_triggerdef(t.oid) || t.tgenabled::text
      FROM ours JOIN pg_trigger AS t ON t.tgrelid = ours.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT 'function ' || pg_get_functiondef(p.oid) FROM pg_proc AS p
     WHERE p.pronamespace IN (SELECT oid FROM pg_namespace
                               WHERE nspname IN ('public', 'usage_ingest'))
       AND p.prolang IN (SELECT oid FROM pg_language WHERE lanname IN ('sql', 'plpgsql'))
    UNION ALL
    SELECT 'view ' || name || pg_get_viewdef(oid) FROM ours WHERE relkind = 'v'
    UNION ALL
    SELECT 'options ' || c.oid::regclass || array_to_string(c.reloptions, ',') FROM pg_class AS c
     WHERE c.reloptions IS NOT NULL AND c.relnamespace <> 'pg_catalog'::regnamespace
       AND c.relnamespace <> 'information_schema'::regnamespace)sql");
}

std::string SqlstateOf(Database& database, const std::string& sql) {
  try {
    database.Execute(sql);
  } catch (const DatabaseError& error) {
    return error.sqlstate;
  }
  return "";
}

std::string ReadTestData(const std::string& path) {
  const std::string text = support::ReadFile(std::filesystem::path(USAGE_INGEST_TEST_DATA) / path);
  if (text.empty()) throw std::runtime_error("nothing in " + path);
  return text;
}

bool Holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace usage_ingest::postgres
