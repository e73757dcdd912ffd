// A server whose messages are not English: a broken trigger is told from a bad row all the same.
//
// The story: CONTEXT was searched for English words. With lc_messages = fr_FR a trigger that raised
// an error made dead letters of 292 good rows, which should have been held.
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "tests/integration/postgres/postgres_fixture.h"
#include "tests/integration/postgres/row_writer.h"

namespace usage_ingest::postgres {
namespace {

constexpr EventTimeUs kTime{1'925'035'200'000'000};  // 2031-01-01 12:00:00 UTC
constexpr char kLanguage[] = "fr_FR.utf8";
constexpr char kRole[] = "ingest";

// The locale of the server's messages, made for the test: a machine need not have it.
class FrenchLocale {
 public:
  FrenchLocale() {
    std::filesystem::permissions(files_.path(), std::filesystem::perms(0755));
    const auto made = support::RunCommand(
        {.command = {"localedef", "-i", "fr_FR", "-f", "UTF-8", (files_.path() / kLanguage)}},
        support::After(std::chrono::seconds(60)));
    if (made.exit_code != 0) throw std::runtime_error("localedef: " + made.errors);
    setenv("LOCPATH", files_.path().c_str(), 1);
  }
  ~FrenchLocale() { unsetenv("LOCPATH"); }

 private:
  support::TempDir files_;
};

class LanguageTest : private FrenchLocale, public PostgresTest {
 protected:
  LanguageTest()
      : PostgresTest({.fsync = false, .settings = {{"lc_messages", kLanguage}}}),
        database_(CreateMigrated("litemaas")) {
    Populate(database_, 1);
    database_.Execute("SELECT usage_ingest.ensure_partition('2031-01-01')");
    CreateDaemonRole(kRole, "litemaas", /*fast=*/false);
  }
  RowWriter MakeWriter(const std::string& user) {
    return RowWriter(postgres_.conninfo("litemaas", user), batch::ForeignKeys::kAuto,
                     database_.Value("SELECT id FROM subscriptions WHERE model_id = 'model-a'"));
  }
  void MakeTrigger(const std::string& when) {
    database_.Execute(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
        "'no' "
        "USING ERRCODE = '22023'; END $$; CREATE TRIGGER refuse " +
        when + " INSERT ON usage_logs FOR EACH ROW EXECUTE FUNCTION refuse()");
  }

  Database database_;
};

TEST_F(LanguageTest, IsFrenchIndeed) {
  try {
    Database(postgres_.conninfo("litemaas", kRole)).Execute("SELECT 1/0");
    FAIL();
  } catch (const DatabaseError& error) {
    EXPECT_NE(std::string(error.what()).find("division par z"), std::string::npos) << error.what();
  }
}

TEST_F(LanguageTest, ABeforeTriggerIsToldByTheShapeOfTheContext) {
  MakeTrigger("BEFORE");
  RowWriter writer = MakeWriter(kRole);
  ASSERT_TRUE(writer.Connect());
  const Result<> copied = writer.Copy(writer.Row(kTime));
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, ErrorCode::kRejected) << copied.error().context;
}

TEST_F(LanguageTest, AnAfterTriggerIsToldByTheStagedInsert) {
  MakeTrigger("AFTER");
  RowWriter writer = MakeWriter(kRole);
  ASSERT_TRUE(writer.Connect());
  const UsageRow row = writer.Row(kTime);
  const Result<> copied = writer.Copy(row);
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, ErrorCode::kBadRecord) << "Narrowing will try it alone";
  EXPECT_EQ(writer.named_row(), std::nullopt);
  const Result<> staged = writer.Stage(row);
  ASSERT_FALSE(staged);
  EXPECT_EQ(staged.error().code, ErrorCode::kRejected) << staged.error().context;
}

TEST_F(LanguageTest, ABadRowIsOneThoughItsLineIsNotRead) {
  database_.Execute("ALTER TABLE usage_logs ADD CONSTRAINT refused CHECK (latency_ms <> 666)");
  RowWriter writer = MakeWriter(kRole);
  ASSERT_TRUE(writer.Connect());
  UsageRow row = writer.Row(kTime);
  row.event.latency_ms = 666;
  for (const Result<>& refused : {writer.Copy(row), writer.Stage(row)}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kBadRecord) << refused.error().context;
  }
  EXPECT_EQ(writer.named_row(), std::nullopt);
}

// A superuser's session may have them in English, and then names the row.
TEST_F(LanguageTest, ASuperuserGetsEnglish) {
  database_.Execute("ALTER TABLE usage_logs ADD CONSTRAINT refused CHECK (latency_ms <> 666)");
  RowWriter writer = MakeWriter("postgres");
  ASSERT_TRUE(writer.Connect());
  UsageRow row = writer.Row(kTime);
  row.event.latency_ms = 666;
  ASSERT_FALSE(writer.Copy(row));
  EXPECT_EQ(writer.named_row(), 0U);
}

}  // namespace
}  // namespace usage_ingest::postgres
