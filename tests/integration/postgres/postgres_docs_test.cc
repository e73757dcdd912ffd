// docs/database.md says what is so: its picture is the catalogue's, its way back leads back.
#include <algorithm>
#include <filesystem>
#include <regex>
#include <sstream>

#include "tests/integration/postgres/daemon_like_writer.h"
#include "tests/support/child_process.h"
#include "tests/support/wait.h"

namespace usage_ingest::postgres {
namespace {

using namespace std::chrono_literals;

const std::filesystem::path kSource = USAGE_INGEST_SOURCE_DIR;

std::string Between(const std::string& text, const std::string& begin, const std::string& end) {
  const std::size_t from = text.find(begin) + begin.size();
  return text.substr(from, text.find(end, from) - from);
}

class DocsTest : public PostgresTest {
 protected:
  static std::string Document() { return support::ReadFile(kSource / "docs" / "database.md"); }
};

TEST_F(DocsTest, PictureIsTheCatalogues) {
  CreateMigrated("litemaas");
  const auto drawn = support::RunCommand(
      {.command = {(kSource / "tools" / "er-diagram").string(), postgres_.conninfo("litemaas")}},
      support::After(30s));
  ASSERT_EQ(drawn.exit_code, 0) << drawn.errors;
  EXPECT_TRUE(Holds(drawn.output, "subscriptions ||--o{ usage_logs"));
  EXPECT_EQ(Between(Document(), "<!-- begin of tools/er-diagram -->\n",
                    "<!-- end of tools/er-diagram -->"),
            drawn.output)
      << "draw it again: tools/er-diagram CONNINFO docs/database.md";
}

// The tool draws what it asks the catalogue for; this asks in another way.
TEST_F(DocsTest, PictureHoldsEveryTableColumnAndReference) {
  Database database = CreateMigrated("litemaas");
  const std::string picture =
      Between(Document(), "```mermaid\nerDiagram\n", "<!-- end of tools/er-diagram -->");
  const std::string of_ours =
      " WHERE table_schema IN ('public', 'usage_ingest') AND table_name NOT LIKE "
      "'usage\\_logs\\_2%'";
  const auto tables = database.Lines(
      "SELECT CASE table_schema WHEN 'public' THEN '' ELSE 'usage_ingest_' END || table_name FROM "
      "information_schema.tables" +
      of_ours + " AND table_type = 'BASE TABLE'");
  EXPECT_EQ(tables.size(), 26U);
  for (const std::string& table : tables) {
    EXPECT_TRUE(Holds(picture, "\n  " + table.substr(0, table.size() - 1) + " {\n")) << table;
  }
  const auto references = database.Lines(
      "SELECT DISTINCT u.table_name, CASE c.table_schema WHEN 'public' THEN '' ELSE "
      "'usage_ingest_' END || c.table_name, k.column_name FROM "
      "information_schema.table_constraints AS c JOIN information_schema.key_column_usage AS k "
      "USING (constraint_schema, constraint_name, table_name) JOIN "
      "information_schema.constraint_column_usage AS u USING (constraint_schema, "
      "constraint_name) WHERE c.constraint_type = 'FOREIGN KEY' AND c.table_name NOT LIKE "
      "'usage\\_logs\\_2%'");
  EXPECT_EQ(references.size(), 17U);

  // What Mermaid reads ("Entity Relationship Diagrams", Syntax), and nothing else.
  const std::regex reference(R"(  (\w+) (\|\||\|o)--o\{ (\w+) : "(\w+), on delete [a-z ]+")");
  const std::regex begin(R"(  (\w+) \{)");
  const std::regex column(R"(    \w+ \w+( PK| FK| PK, FK)?)");
  std::vector<std::string> drawn;
  std::int64_t columns = 0;
  std::istringstream lines(picture);
  for (std::string line; std::getline(lines, line) && line != "```";) {
    std::smatch part;
    if (std::regex_match(line, part, reference)) {
      drawn.push_back(part.str(1) + "\t" + part.str(3) + "\t" + part.str(4) + "\t");
    } else if (std::regex_match(line, column)) {
      ++columns;
    } else {
      EXPECT_TRUE(line == "  }" || std::regex_match(line, begin)) << line;
    }
  }
  std::ranges::sort(drawn);
  EXPECT_EQ(drawn, references);
  EXPECT_EQ(columns, database.Number("SELECT count(*) FROM information_schema.columns JOIN "
                                     "information_schema.tables USING (table_schema, table_name)" +
                                     of_ours + " AND table_type = 'BASE TABLE'"));
}

// One row for each table and writer: "| `table` | `column`, ... | writer |".
TEST_F(DocsTest, WriterOfEverySeedColumnIsNamedOnce) {
  Database seed = CreateSeed("seed");
  std::vector<std::string> named;
  const std::regex row(R"(\| `(\w+)` \| ([`\w, ]+) \| .+ \|)");
  const std::regex column("`(\\w+)`");
  std::istringstream lines(Between(Document(), "## Who writes which column\n", "\n## "));
  for (std::string line; std::getline(lines, line);) {
    std::smatch part;
    if (!std::regex_match(line, part, row)) continue;
    const std::string columns = part.str(2);
    for (std::sregex_iterator name(columns.begin(), columns.end(), column), end; name != end;
         ++name) {
      named.push_back(part.str(1) + "\t" + name->str(1) + "\t");
    }
  }
  std::ranges::sort(named);
  EXPECT_EQ(named, seed.Lines("SELECT table_name, column_name FROM information_schema.columns JOIN "
                              "information_schema.tables USING (table_schema, table_name) WHERE "
                              "table_schema = 'public' AND table_type = 'BASE TABLE' AND "
                              "table_name NOT LIKE 'usage\\_logs\\_2%'"));
}

TEST_F(DocsTest, TriggerConditionIsTheOneThatIsThere) {
  Database database = CreateMigrated("litemaas");
  EXPECT_TRUE(Holds(Document(),
                    "current_setting('usage_ingest.aggregating', true) IS DISTINCT FROM "
                    "'on'"));
  EXPECT_TRUE(Holds(database.Value("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = "
                                   "'usage_logs'::regclass AND tgname = 'update_usage_on_log'"),
                    "current_setting('usage_ingest.aggregating'::text, true) IS DISTINCT FROM "
                    "'on'::text"));
}

// As the document prints it; then the trigger counts as the seed's did, and migrate comes back.
TEST_F(DocsTest, WayBackLeadsBackAndForthAgain) {
  Database database = CreateMigrated("litemaas");
  Populate(database, 2);
  DaemonLikeWriter daemon(postgres_.Connect("litemaas"), /*fast_path=*/true, 1);
  database.Execute("SELECT usage_ingest.ensure_partition((now() - interval '4 days')::date)");
  ASSERT_TRUE(daemon.WriteBatch(50));

  const std::string seed = ReadTestData("seed/schema.sql");
  const std::string function =
      "CREATE OR REPLACE FUNCTION update_usage_summary()" +
      Between(seed, "CREATE OR REPLACE FUNCTION update_usage_summary()", "CREATE TRIGGER");
  const std::string way_back = Between(Document(), "### The way back", "Step 4 brings");
  std::string sql = Between(way_back, "```sql\n", "```");
  const std::size_t last = sql.find("ALTER TABLE usage_summaries DROP COLUMN");
  sql.insert(last, function);
  database.Execute(sql);
  EXPECT_EQ(database.Value("SELECT to_regnamespace('usage_ingest') IS NULL"), "t");
  EXPECT_EQ(database.Number("SELECT count(*) FROM pg_trigger WHERE tgname LIKE 'usage_ingest%'"),
            0);
  const std::string log_one =
      "INSERT INTO usage_logs (subscription_id, model_id, request_tokens, response_tokens, "
      "latency_ms) SELECT id, model_id, 1, 1, 10 FROM subscriptions";
  database.Execute(log_one);
  EXPECT_EQ(database.Number("SELECT sum(used_requests) FROM subscriptions"), 54);

  MustMigrate("litemaas");
  database.Execute(log_one);
  ASSERT_TRUE(daemon.WriteBatch(50));
  blocking::SyncConnection connection = Open("litemaas");
  ASSERT_TRUE(admin::RebuildSummaries(connection, {}));
  const auto verified = admin::VerifySummaries(connection, {});
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->rows_different, 0);
  EXPECT_EQ(database.Number("SELECT sum(used_requests) FROM subscriptions"), 108);
  EXPECT_TRUE(Probe("litemaas").findings.empty());
}

}  // namespace
}  // namespace usage_ingest::postgres
