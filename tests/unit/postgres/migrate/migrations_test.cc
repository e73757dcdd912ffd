// Every file of schema/sql is embedded, in the order of its number, with a header that can be read.
#include "schema/migrations.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "ingest/postgres/migrate/migration_step.h"

namespace usage_ingest::postgres::migrate {
namespace {

TEST(MigrationsTest, EveryFileIsEmbedded) {
  std::set<std::string> files;
  for (const auto& file : std::filesystem::directory_iterator(USAGE_INGEST_MIGRATION_FOLDER)) {
    files.insert(file.path().stem());
  }
  std::set<std::string> embedded;
  for (const Migration& migration : Migrations()) embedded.emplace(migration.name);
  EXPECT_EQ(embedded, files) << "schema/CMakeLists.txt lists them";
}

TEST(MigrationsTest, NumbersBeginAtOneAndHaveNoGaps) {
  int number = 0;
  for (const Migration& migration : Migrations()) EXPECT_EQ(migration.number, ++number);
}

TEST(MigrationsTest, EachHeaderIsComplete) {
  for (const Migration& migration : Migrations()) {
    const MigrationStep step = ParseMigration(migration);  // aborts on what it cannot read
    EXPECT_FALSE(step.locks.empty()) << migration.name;
  }
}

}  // namespace
}  // namespace usage_ingest::postgres::migrate
